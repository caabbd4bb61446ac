//! Settings of providers, and of the choice among them.

mod common;

use axum::Router;
use bytes::Bytes;
use common::{Gateway, Upstream, basics, figure};
use http_body_util::Full;
use serde_json::json;
use tokio::net::TcpListener;

const CHAT: &str =
    r#"{"model":"m","messages":[{"role":"user","content":"What is two plus two?"}]}"#;

/// Returns the section of a provider.
fn provider(name: &str, server: impl std::fmt::Display, more: &str) -> String {
    format!("[[provider]]\nname = \"{name}\"\nendpoint = \"http://{server}/v1\"\n{more}\n")
}

/// Returns the section of a route to two providers.
fn route(more: &str) -> String {
    format!("[[route]]\nname = \"chat\"\nproviders = [\"first\", \"second\"]\n{more}\n")
}

async fn post(gateway: &Gateway) -> (u16, String) {
    let request = gateway.request("POST", "/chat/completions");
    let request = request.header("content-type", "application/json");
    let body = Full::<Bytes>::from(CHAT);
    let (status, _, text) = gateway.send(request.body(body).unwrap()).await;
    (status.as_u16(), text)
}

#[tokio::test]
async fn tokens_of_a_prompt_cache_have_their_own_prices() {
    let app = Router::new().fallback(|| async {
        let answer = json!({
            "object": "chat.completion",
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "4"}}],
            "usage": {
                "prompt_tokens": 1_000_000,
                "completion_tokens": 10_000,
                "total_tokens": 1_010_000,
                "prompt_tokens_details": {"cached_tokens": 400_000},
            },
        });
        ([("content-type", "application/json")], answer.to_string())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let prices = "input = \"2\"\noutput = \"10\"\ncache_read = \"0.50\"\nprompt_cache = \"automatic\"\n\
                  prompt_cache_lifetime = \"10m\"\nprompt_cache_min_tokens = 512\n";
    let config = [
        basics(),
        provider("first", address, prices),
        "[[budget]]\nname = \"all\"\nlimit = \"100\"\nperiod = \"forever\"\n".into(),
        "[[route]]\nname = \"chat\"\nproviders = [\"first\"]\n".into(),
    ];
    let gateway = Gateway::start(&config.concat()).await;
    let (status, text) = post(&gateway).await;
    assert_eq!(status, 200, "{text}");
    let spent = "scrimp_serve_budget_spent{budget=\"all\",account=\"\",currency=\"USD\"}";
    let metrics = gateway.handle.metrics();
    // 0.6 x $2 + 0.4 x $0.50 + 0.01 x $10.
    let spent = figure(&metrics, spent).unwrap();
    assert!((spent - 1.5).abs() < 1e-9, "{spent}");
}

#[tokio::test]
async fn providers_with_one_account_share_its_quota() {
    let (first, second) = (
        Upstream::start("first").await,
        Upstream::start("second").await,
    );
    for (account, statuses) in [("account = \"team\"\n", [200, 429]), ("", [200, 200])] {
        let quota = format!("price = \"0.01\"\nrequests_per_minute = 1\n{account}");
        let config = [
            basics(),
            provider("first", first.address, &quota),
            provider("second", second.address, &quota),
            route("quota_wait = \"0s\"\n"),
        ];
        let gateway = Gateway::start(&config.concat()).await;
        for status in statuses {
            let (found, text) = post(&gateway).await;
            assert_eq!(found, status, "{account}: {text}");
        }
    }
}

#[tokio::test]
async fn a_request_tries_as_many_providers_as_its_route_says() {
    let works = Upstream::start("works").await;
    // Nothing listens there.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    for (attempts, worked) in [(1, false), (2, true)] {
        let config = [
            basics(),
            provider("first", address, "price = \"0.001\"\n"),
            provider("second", works.address, "price = \"1\"\n"),
            route(&format!("attempts = {attempts}\n")),
        ];
        let gateway = Gateway::start(&config.concat()).await;
        let (status, _, text) = gateway.get("/prices").await;
        assert_eq!(status == 200, worked, "{status} {text}");
    }
}
