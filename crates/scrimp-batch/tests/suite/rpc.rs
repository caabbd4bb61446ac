//! JSON-RPC on the wire.

use crate::support;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use scrimp_batch::JsonRpc;
use serde_json::{Value, json};

use support::{
    Body, Upstream,
    codec::{all, fixed},
    post,
};

fn rpc(id: &str, method: &str) -> Request<Body> {
    post(
        "/rpc",
        format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"id\":{id}}}"),
    )
}

#[tokio::test(start_paused = true)]
async fn rpc_ids_of_the_callers_are_restored_byte_for_byte() {
    let ids = ["1", "1", "\"\\u0061\"", "-0.50e1", "null"];
    let upstream = Upstream::new(|request: Request<Bytes>| {
        let calls: Vec<Value> = serde_json::from_slice(request.body()).unwrap();
        let answer = |call: &Value| {
            format!(
                "{{ \"result\" : {{\"id\":0}},\"id\" :{},\"jsonrpc\":\"2.0\"}}",
                call["id"]
            )
        };
        let answers: Vec<_> = calls.iter().rev().map(answer).collect();
        std::future::ready(Ok(Response::new(Full::from(format!(
            "[{}]",
            answers.join(",")
        )))))
    });
    let answers = all(JsonRpc::new(), &upstream, ids.map(|id| rpc(id, "m"))).await;
    for (id, answer) in ids.iter().zip(answers) {
        let expected = format!("{{ \"result\" : {{\"id\":0}},\"id\" :{id},\"jsonrpc\":\"2.0\"}}");
        assert_eq!(answer.body(), &expected);
    }
    let sent = upstream.json(0);
    let sent: Vec<_> = sent
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["id"])
        .collect();
    assert_eq!(sent, [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn equal_safe_rpc_calls_are_sent_once_and_each_caller_gets_its_own_id() {
    let upstream = fixed(
        200,
        &json!([{"jsonrpc": "2.0", "id": 1, "result": "0x1"}, {"jsonrpc": "2.0", "id": 3, "result": "0x2"}]),
    );
    let requests = [
        rpc("7", "eth_chainId"),
        rpc("\"x\"", "eth_chainId"),
        rpc("9", "eth_blockNumber"),
    ];
    let safe = JsonRpc::new().safe(|method| method.starts_with("eth_"));
    let answers = all(safe, &upstream, requests).await;
    assert_eq!(upstream.json(0).as_array().unwrap().len(), 2);
    let answers: Vec<Value> = answers
        .iter()
        .map(|answer| serde_json::from_str(answer.body()).unwrap())
        .collect();
    assert_eq!(
        (&answers[0]["id"], &answers[0]["result"]),
        (&json!(7), &json!("0x1"))
    );
    assert_eq!(
        (&answers[1]["id"], &answers[1]["result"]),
        (&json!("x"), &json!("0x1"))
    );
    assert_eq!(
        (&answers[2]["id"], &answers[2]["result"]),
        (&json!(9), &json!("0x2"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_single_rpc_error_is_given_to_all_callers_each_under_its_own_id() {
    for error in [
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32603, "message": "down"}}),
        json!({"error": {"code": -32603, "message": "down"}}),
    ] {
        let upstream = fixed(200, &error);
        let answers = all(JsonRpc::new(), &upstream, [rpc("7", "a"), rpc("8", "b")]).await;
        for (id, answer) in [7, 8].into_iter().zip(answers) {
            let body: Value = serde_json::from_str(answer.body()).unwrap();
            assert_eq!(
                (&body["id"], &body["error"]["message"]),
                (&json!(id), &json!("down"))
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_rpc_error_of_a_whole_batch_is_not_copied_for_each_caller() {
    let of_length = |length: usize| {
        fixed(
            200,
            &json!({"error": {"code": -32000, "message": "x".repeat(length)}}),
        )
    };
    let calls = || (0..100).map(|n| rpc(&n.to_string(), "m"));
    let answers = all(JsonRpc::new(), &of_length(60 << 10), calls()).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    let answers = all(JsonRpc::new(), &of_length(64 << 10), calls()).await;
    assert!(answers.iter().all(|answer| answer.status() == 502));
    assert!(answers.iter().all(|answer| answer.body().len() < 1024));
}

#[tokio::test(start_paused = true)]
async fn rpc_batches_that_are_too_large_are_halved() {
    let upstream = Upstream::new(|request: Request<Bytes>| {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let answer =
            |call: &Value| json!({"jsonrpc": "2.0", "id": call["id"], "result": call["method"]});
        let answer = match body.as_array() {
            Some(calls) if calls.len() > 2 => {
                json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32003, "message": "too large"}})
            }
            Some(calls) => calls.iter().map(answer).collect(),
            None => answer(&body),
        };
        std::future::ready(Ok(Response::new(Full::from(answer.to_string()))))
    });
    let requests = ["a", "b", "c", "d"].map(|method| rpc("1", method));
    let answers = all(JsonRpc::new(), &upstream, requests).await;
    assert_eq!(upstream.calls(), 3);
    for (method, answer) in ["a", "b", "c", "d"].iter().zip(answers) {
        assert!(
            answer.body().contains(&format!("\"result\":\"{method}\"")),
            "{answer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_single_calls_are_put_into_an_rpc_batch() {
    let upstream = fixed(200, &json!("alone"));
    let bodies = [
        "[]",
        "{}",
        "[{\"method\":\"m\"}]",
        "{\"method\":\"m\",\"id\":{}}",
        "{\"id\":1,\"method\":\"m\",\"id\":2}",
        "x",
    ];
    all(
        JsonRpc::new(),
        &upstream,
        bodies.map(|body| post("/rpc", body)),
    )
    .await;
    let sent: Vec<_> = upstream
        .requests()
        .into_iter()
        .map(Request::into_body)
        .collect();
    assert_eq!(sent, bodies);
}
