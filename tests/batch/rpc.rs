//! JSON-RPC: jayson, ganache, aria2.

use scrimp::batch::JsonRpc;
use serde_json::{Value, json};

use crate::{
    client::{post, send_all},
    server::Server,
};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
#[ignore = "needs jayson: run scripts/batch.sh"]
async fn jayson_answers_callers_with_the_same_ids_and_accepts_notifications() {
    let server = Server::node("jayson.mjs");
    let calls = [
        r#"{"jsonrpc":"2.0","id":1,"method":"echo","params":["a"]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"echo","params":["b"]}"#,
        r#"{"jsonrpc":"2.0","id":"x\u0031","method":"fail","params":["c"]}"#,
        r#"{"jsonrpc":"2.0","id":7.50,"method":"missing"}"#,
        r#"{"jsonrpc":"2.0","method":"echo","params":["unheard"]}"#,
    ];
    let requests = calls.map(|call| post(&server, "/", call)).into();
    let (answers, calls) = send_all(JsonRpc::new(), requests).await;
    assert_eq!(calls, 1);
    assert_eq!(
        json(answers[0].body()),
        json!({"jsonrpc": "2.0", "id": 1, "result": ["a"]})
    );
    assert_eq!(json(answers[1].body())["result"], json!(["b"]));
    assert!(
        answers[2].body().contains(r#""id":"x\u0031""#),
        "{answers:?}"
    );
    assert_eq!(json(answers[2].body())["error"]["message"], "no c");
    assert!(answers[3].body().contains(r#""id":7.50"#), "{answers:?}");
    assert_eq!(json(answers[3].body())["error"]["code"], -32601);
    assert_eq!(
        (answers[4].status().as_u16(), answers[4].body().as_str()),
        (204, "")
    );
}

#[tokio::test]
#[ignore = "needs jayson: run scripts/batch.sh"]
async fn jayson_accepts_a_batch_of_notifications() {
    let server = Server::node("jayson.mjs");
    let call = |n| {
        post(
            &server,
            "/",
            json!({"jsonrpc": "2.0", "method": "echo", "params": [n]}).to_string(),
        )
    };
    let (answers, calls) = send_all(JsonRpc::new(), vec![call(1), call(2)]).await;
    assert_eq!(calls, 1);
    assert!(
        answers.iter().all(|answer| answer.status() == 204),
        "{answers:?}"
    );
}

#[tokio::test]
#[ignore = "needs ganache: run scripts/batch.sh"]
async fn ganache_returns_a_hundred_balances_and_the_chain_in_one_call() {
    let server = Server::node("ganache.mjs");
    let call = |method: &str, params: Value| {
        post(
            &server,
            "/",
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string(),
        )
    };
    let mut requests = vec![call("eth_chainId", json!([]))];
    // Every tenth address is the only account with a balance.
    let rich = "0x90f8bf6a479f320ead074411a4b0e7944ea8c9c1";
    let address = |n: u32| match n % 10 {
        0 => rich.into(),
        _ => format!("0xff{n:038x}"),
    };
    requests.extend((1..100).map(|n| call("eth_getBalance", json!([address(n), "latest"]))));
    let safe = |method: &str| method == "eth_getBalance" || method == "eth_chainId";
    let (answers, calls) = send_all(JsonRpc::new().safe(safe), requests).await;
    assert_eq!(calls, 1);
    assert_eq!(json(answers[0].body())["result"], "0x539");
    for (n, answer) in answers.iter().enumerate().skip(1) {
        let balance = if n % 10 == 0 {
            "0x3635c9adc5dea00000"
        } else {
            "0x0"
        };
        assert_eq!(json(answer.body())["result"], balance, "{n}");
    }
}

#[tokio::test]
#[ignore = "needs aria2: run scripts/batch.sh"]
async fn aria2_ignores_notifications_and_answers_the_rest() {
    let server = Server::aria2();
    let calls = [
        r#"{"jsonrpc":"2.0","id":"q","method":"aria2.getVersion"}"#,
        r#"{"jsonrpc":"2.0","method":"aria2.getVersion"}"#,
        r#"{"jsonrpc":"2.0","id":"q","method":"system.listMethods"}"#,
        r#"{"jsonrpc":"2.0","id":0,"method":"aria2.nonsense"}"#,
    ];
    let requests = calls.map(|call| post(&server, "/jsonrpc", call)).into();
    let (answers, calls) = send_all(JsonRpc::new(), requests).await;
    assert_eq!(calls, 1, "{answers:?}");
    assert!(json(answers[0].body())["result"]["version"].is_string());
    assert_eq!(answers[1].status(), 204);
    assert!(json(answers[2].body())["result"].as_array().unwrap().len() > 10);
    assert!(json(answers[3].body())["error"]["message"].is_string());
    assert_eq!(json(answers[2].body())["id"], "q");
    assert_eq!(json(answers[3].body())["id"], 0);
}
