//! Dialects of JSON-RPC: batches that are too large, and odd answers.

use crate::support;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use scrimp_batch::{BatchLayer, JsonRpc};
use serde_json::{Value, json};
use tower::Layer;

use support::{
    Upstream,
    node::{MOST, Node, call, error, respond},
    post, reason, send,
};

/// Callers that share a batch.
const CALLERS: u64 = 40;

/// Answers the first calls, and the others by `other`.
fn some(node: &Node, calls: &[Value], other: impl Fn(&Value) -> Option<Value>) -> Value {
    let (first, others) = calls.split_at(MOST);
    let first = first.iter().map(|call| node.carry_out(call));
    first.chain(others.iter().filter_map(other)).collect()
}

/// Sends forty calls of an unsafe method twice, and checks that each caller gets its own answer, that
/// no call is carried out twice in a round, and that the second round is not refused.
async fn check(
    name: &str,
    refuse: impl Fn(&Node, &[Value]) -> (u16, Value) + Send + Sync + 'static,
) {
    let node = Node::default();
    let upstream = node.upstream(refuse);
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    let service = layer.layer(upstream.clone());
    for round in 1..=2 {
        let calls = (0..CALLERS).map(|n| send(service.clone(), call(n)));
        for (n, answer) in join_all(calls).await.into_iter().enumerate() {
            let answer = answer.unwrap();
            let body: Value = serde_json::from_str(answer.body()).unwrap();
            let own = json!({"jsonrpc": "2.0", "id": "mine", "result": n});
            assert_eq!(body, own, "{name}, round {round}");
        }
        let carried_out = node.carried_out.lock();
        assert!(carried_out.values().all(|times| *times == round), "{name}");
    }
    let sizes = upstream.requests().into_iter().map(|request| {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        body.as_array().map_or(1, Vec::len)
    });
    let sizes: Vec<usize> = sizes.collect();
    let refused = sizes.iter().filter(|size| **size > MOST).count();
    let begun = sizes.iter().rposition(|size| *size > MOST).unwrap();
    assert!(refused <= 3, "{name}: {sizes:?}");
    let later: usize = sizes[begun + 1..].iter().sum();
    assert!(
        later >= CALLERS as usize,
        "{name}: the second round knows the limit: {sizes:?}"
    );
    assert!(sizes.len() <= 16, "{name}: {sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_is_split_in_every_dialect_and_the_next_one_knows_the_limit() {
    let first = |calls: &[Value]| calls[0]["id"].clone();
    let limit =
        "batch limit 10 exceeded (can increase by --rpc.batch.limit). Requested batch of size: 40";
    check(
        "an array of one error, with the first id",
        move |_, calls| {
            (
                200,
                json!([error(&first(calls), -32_600, "batch too large")]),
            )
        },
    )
    .await;
    check("an array of one error without words", move |_, calls| {
        (
            200,
            json!([error(&first(calls), -32_600, "Invalid Request")]),
        )
    })
    .await;
    check("an object, with status 200", move |_, _| {
        (200, error(&Value::Null, -32_000, limit))
    })
    .await;
    check("an array of one error without an id", move |_, _| {
        (200, json!([error(&Value::Null, -32_000, limit)]))
    })
    .await;
    check("an object, with status 400", |_, _| {
        (
            400,
            error(&Value::Null, -32_010, "The batch request was too large"),
        )
    })
    .await;
    check("an object, with status 500", |_, _| {
        let message = "Batch of more than 10 requests are not allowed on free tier";
        (500, error(&Value::Null, 31, message))
    })
    .await;
    check("no JSON, with status 413", |_, _| (413, json!("too large"))).await;
    check("no JSON, with status 400", |_, _| {
        (400, json!({"message": "maximum batch size is 10"}))
    })
    .await;
    check("an error for every call", |_, calls| {
        (
            200,
            calls
                .iter()
                .map(|call| error(&call["id"], -32_005, "batch size limit exceeded"))
                .collect(),
        )
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn only_the_calls_that_were_not_carried_out_are_sent_again() {
    check("an error for each of the others", |node, calls| {
        let other = |call: &Value| Some(error(&call["id"], -32_003, "response too large"));
        (200, some(node, calls, other))
    })
    .await;
    check("an error for the first of the others", |node, calls| {
        let next = calls[MOST]["id"].clone();
        let other = move |call: &Value| {
            (call["id"] == next).then(|| error(&next, -32_003, "response too large"))
        };
        (200, some(node, calls, other))
    })
    .await;
    check(
        "an error without an id behind the answers",
        |node, calls| {
            let last = calls.last().unwrap()["id"].clone();
            let other = move |call: &Value| {
                (call["id"] == last).then(|| error(&Value::Null, -32_000, "batch limit exceeded"))
            };
            (200, some(node, calls, other))
        },
    )
    .await;
    check("a limit in the message, in any order", |node, calls| {
        let other = |call: &Value| Some(error(&call["id"], -32_000, "batch limit is 10"));
        let mut answers = some(node, calls, other);
        answers.as_array_mut().unwrap().reverse();
        (200, answers)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_answer_that_is_too_large_is_that_of_its_own_call() {
    let upstream = Upstream::new(|request: Request<Bytes>| {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let answer = |call: &Value| match call["params"][0].as_u64() {
            Some(3) => error(&call["id"], -32_008, "Response is too big"),
            _ => json!({"id": call["id"], "result": true}),
        };
        let answers = body.as_array().unwrap().iter().map(answer).collect();
        std::future::ready(Ok(respond(200, &answers)))
    });
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    let answers = support::all(&layer, &upstream, (0..8).map(call)).await;
    assert_eq!(upstream.calls(), 1);
    assert!(answers[3].body().contains("too big"));
    assert!((0..8).all(|n| n == 3 || answers[n].body().contains("true")));
}

#[tokio::test(start_paused = true)]
async fn calls_go_one_by_one_where_batches_are_not_taken() {
    for (status, whole) in [
        (
            200,
            error(
                &Value::Null,
                -32_005,
                "Batched requests are not supported by this server",
            ),
        ),
        (405, json!("method not allowed")),
        (404, json!("not found")),
        (501, json!("not implemented")),
        (403, error(&Value::Null, -32_000, "forbidden")),
    ] {
        let node = Node::default();
        let answers = node.upstream(move |_, _| (status, whole.clone()));
        let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
        let service = layer.layer(answers.clone());
        for round in 1..=2 {
            let calls = (0..CALLERS).map(|n| send(service.clone(), call(n)));
            for (n, answer) in join_all(calls).await.into_iter().enumerate() {
                let answer = answer.unwrap();
                let body: Value = serde_json::from_str(answer.body()).unwrap();
                assert_eq!(
                    (answer.status().as_u16(), &body["result"]),
                    (200, &json!(n))
                );
            }
            // The first call of a lane is a batch; all others are single, also later.
            assert_eq!(answers.calls(), 1 + round * CALLERS as usize, "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn results_and_errors_beside_null_and_ids_in_other_forms_are_understood() {
    let raw = r#"[
        {"result":"ok","error":null,"id":1},
        {"result":null,"error":{"code":-1,"message":"no"},"id":"2"},
        {"id":3.0,"result":null,"jsonrpc":"2.0"},
        {"result":"both","error":{"code":-1,"message":"no"},"id":4},
        {"error":null,"id":5},
        {"result":null,"error":"text","id":6}
    ]"#;
    let upstream = Upstream::new(move |_| std::future::ready(Ok(Response::new(Full::from(raw)))));
    let layer = BatchLayer::builder(JsonRpc::new())
        .retries(0)
        .build()
        .unwrap();
    let answers = support::all(&layer, &upstream, (0..6).map(call)).await;
    let bodies: Vec<&str> = answers
        .iter()
        .map(|answer| answer.body().as_str())
        .collect();
    assert_eq!(bodies[0], r#"{"result":"ok","error":null,"id":"mine"}"#);
    assert_eq!(
        bodies[1],
        r#"{"result":null,"error":{"code":-1,"message":"no"},"id":"mine"}"#
    );
    assert_eq!(bodies[2], r#"{"id":"mine","result":null,"jsonrpc":"2.0"}"#);
    assert_eq!(bodies[5], r#"{"result":null,"error":"text","id":"mine"}"#);
    assert_eq!([&answers[3], &answers[4]].map(reason), ["missing"; 2]);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_whole_with_a_status_of_failure_has_the_id_of_each_caller() {
    let whole = error(&Value::Null, -32_603, "down");
    let upstream = Upstream::new(move |_| std::future::ready(Ok(respond(500, &whole))));
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    for answer in support::all(&layer, &upstream, (0..8).map(call)).await {
        assert_eq!(answer.status(), 500);
        assert!(answer.body().contains("\"id\":\"mine\""), "{answer:?}");
    }
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn words_of_a_caller_that_an_error_repeats_teach_no_limit() {
    let repeat = |call: &Value| {
        let name = call["method"].as_str().unwrap();
        match name.starts_with("batch") {
            true => error(&call["id"], -32_000, &format!("unknown: {name}")),
            false => json!({"id": call["id"], "result": true}),
        }
    };
    let upstream = Upstream::new(move |request: Request<Bytes>| {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let answers = match body.as_array() {
            Some(calls) => calls.iter().map(repeat).collect(),
            None => repeat(&body),
        };
        std::future::ready(Ok(respond(200, &answers)))
    });
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    let service = layer.layer(upstream.clone());
    let name = |n: usize| {
        if n == 3 {
            "batch limit 1 exceeded"
        } else {
            "get"
        }
    };
    for _ in 0..2 {
        let calls = (0..20).map(|n| {
            let call = json!({"method": name(n), "id": 1}).to_string();
            send(service.clone(), post("/rpc", call))
        });
        let answers = join_all(calls).await;
        assert!(answers[3].as_ref().unwrap().body().contains("unknown"));
    }
    assert_eq!(upstream.calls(), 2, "the next batch is whole");
}
