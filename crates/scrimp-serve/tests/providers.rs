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
    let address = closed().await;
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

/// Returns an address at which nothing listens.
async fn closed() -> std::net::SocketAddr {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    closed.local_addr().unwrap()
}

#[tokio::test]
async fn a_post_that_fails_goes_to_the_next_provider_where_its_route_says_that_it_may() {
    let works = Upstream::start("works").await;
    for (more, expected) in [("", 502), ("repeatable = true\n", 200)] {
        let config = [
            basics(),
            provider("first", closed().await, "price = \"0.001\"\n"),
            provider("second", works.address, "price = \"1\"\n"),
            route(more),
        ];
        let gateway = Gateway::start(&config.concat()).await;
        let (status, text) = post(&gateway).await;
        assert_eq!(status, expected, "{text}");
    }
}

#[tokio::test]
async fn answers_to_equal_posts_are_stored_where_a_rule_has_their_bodies_in_the_key() {
    let works = Upstream::start("works").await;
    let rule = "[cache]\nrules = [\"path=/chat/** method=POST body-key ttl=1h override-origin\"]\n";
    let config = [
        basics(),
        rule.to_owned(),
        provider("first", works.address, "price = \"1\"\n"),
        "[[route]]\nname = \"chat\"\nproviders = [\"first\"]\n".into(),
    ];
    let gateway = Gateway::start(&config.concat()).await;
    let first = post(&gateway).await;
    assert_eq!((first.0, works.calls()), (200, 1));
    assert_eq!(post(&gateway).await, first);
    // The same document, written in another way.
    let request = gateway.request("POST", "/chat/completions");
    let request = request.header("content-type", "application/json; charset=utf-8");
    let body = Full::<Bytes>::from(CHAT.replace(',', " , "));
    let (status, ..) = gateway.send(request.body(body).unwrap()).await;
    assert_eq!(status, 200);
    let others = works.calls();
    let request = gateway.request("POST", "/chat/completions");
    let body = Full::<Bytes>::from(CHAT.replace("two plus two", "three plus three"));
    gateway.send(request.body(body).unwrap()).await;
    assert_eq!(works.calls(), others + 1);
}

#[tokio::test]
async fn a_request_that_a_budget_refuses_is_no_paid_call() {
    let works = Upstream::start("works").await;
    let config = [
        basics(),
        "[cache]\nprice = \"0.5\"\n".into(),
        provider("first", works.address, "price = \"1\"\n"),
        "[[budget]]\nname = \"all\"\nlimit = \"2\"\nperiod = \"forever\"\n".into(),
        "[[route]]\nname = \"chat\"\nproviders = [\"first\"]\n".into(),
    ];
    let gateway = Gateway::start(&config.concat()).await;
    let mut statuses = Vec::new();
    for path in ["/a", "/b", "/c", "/d"] {
        statuses.push(gateway.get(path).await.0.as_u16());
    }
    assert_eq!(statuses, [200, 200, 402, 402]);
    let metrics = gateway.handle.metrics();
    let spent = figure(&metrics, "scrimp_serve_spent_all{currency=\"USD\"}");
    let calls = figure(&metrics, "scrimp_serve_paid_calls_total");
    assert_eq!((spent, calls), (Some(2.0), Some(2.0)));
}
