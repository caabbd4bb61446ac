//! Prompt caches of the providers: their part in the choice, and the requests to write to them.

use crate::common;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{Rig, ok, status};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_core::Currency;
use scrimp_cost_route::{
    CostRouteLayer, PromptCache, Provider, Rate, RequestBody, RouteDecision, Tariff, TokenClass,
    TokenRates,
};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

const PATH: &str = "/v1/chat/completions";

fn provider(name: &str, dollars: &str) -> Provider {
    let rate = |dollars: &str| Rate::per(dollars, 1_000_000);
    let rates = TokenRates::text(rate(dollars), rate("15"))
        .with(TokenClass::CacheRead, rate("0.30"))
        .with(TokenClass::CacheWrite, rate("3.75"));
    Provider::new(name)
        .endpoint(format!("http://{name}"))
        .price(Tariff::new(Currency::USD).tokens(rates))
}

fn post(body: &Value) -> Request<Full<Bytes>> {
    Request::post(PATH)
        .body(Full::from(body.to_string()))
        .unwrap()
}

/// A document of about 2,500 tokens, and a question about it.
fn question(document: u32, question: u32) -> Value {
    let text = format!("document {document}. ").repeat(700);
    json!({"model": "m", "messages": [
        {"role": "user", "content": text},
        {"role": "user", "content": format!("question {question}")},
    ]})
}

fn usage(cached: u32) -> String {
    json!({"usage": {"prompt_tokens": 2_500, "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": cached}}})
    .to_string()
}

#[tokio::test(start_paused = true)]
async fn a_prompt_goes_where_its_beginning_is_cached_until_the_cache_has_lost_it() {
    let caches = || PromptCache::automatic();
    let layer = CostRouteLayer::builder([
        provider("a", "3").prompt_cache(caches()),
        provider("b", "3.03").prompt_cache(caches()),
    ])
    .repeatable([PATH])
    .explore(false)
    .build()
    .unwrap();
    let is_down = Arc::new(Mutex::new(false));
    let down = Arc::clone(&is_down);
    let rig = Rig::new(&layer, move |host| match host {
        "a" if *down.lock() => status(503),
        _ => ok(&usage(0)),
    });
    assert_eq!(rig.send(post(&question(1, 1))).await.from(), "a");
    *is_down.lock() = true;
    assert_eq!(rig.send(post(&question(2, 1))).await.from(), "b");
    *is_down.lock() = false;
    for (document, expected) in [(1, "a"), (2, "b"), (3, "a")] {
        let answer = rig.send(post(&question(document, 2))).await;
        assert_eq!(answer.from(), expected, "document {document}");
        let cached = answer.decision.unwrap().cached_tokens;
        assert_eq!(cached > 0, document < 3, "document {document}");
    }
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!(rig.send(post(&question(2, 3))).await.from(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_what_it_should_have_cached_is_trusted_less() {
    let cached = PromptCache::automatic();
    let layer = CostRouteLayer::builder([provider("a", "3").prompt_cache(cached)])
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok(&usage(0)));
    let mut expected = Vec::new();
    for n in 0..30 {
        let answer = rig.send(post(&question(1, n))).await;
        expected.push(answer.decision.unwrap().cached_tokens);
    }
    assert_eq!(expected[0], 0);
    assert!(expected[1] > 2_000, "{expected:?}");
    assert!(expected[29] < 300, "{expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_write_is_asked_for_as_soon_as_beginnings_return_and_only_as_far_as_they_do() {
    let cached = PromptCache::on_request();
    let layer = CostRouteLayer::builder([provider("a", "3").prompt_cache(cached)])
        .build()
        .unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&seen);
    let client = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let to = Arc::clone(&to);
        async move {
            let length = request.headers().get("content-length").cloned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            if let Some(length) = length {
                assert_eq!(length.to_str().unwrap(), body.len().to_string());
            }
            to.lock()
                .push(serde_json::from_slice::<Value>(&body).unwrap());
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}")))
        }
    });
    let client = layer.layer(client);
    for n in 0..60 {
        let mut request = post(&question(n / 3, n));
        let length = question(n / 3, n).to_string().len();
        request
            .headers_mut()
            .insert("content-length", length.into());
        let response = client.clone().oneshot(request).await.unwrap();
        assert!(response.extensions().get::<RouteDecision>().is_some());
        response.into_body().collect().await.unwrap();
    }
    let seen = seen.lock();
    assert!(
        !seen[0].to_string().contains("cache_control"),
        "none has returned yet"
    );
    for (n, body) in seen.iter().enumerate().skip(30) {
        let mark = &body["messages"][0]["content"][0]["cache_control"];
        assert_eq!(*mark, json!({"type": "ephemeral"}), "request {n}");
        assert_eq!(
            body.to_string().matches("cache_control").count(),
            1,
            "request {n}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_with_marks_of_its_own_stays_as_it_is() {
    let cached = PromptCache::on_request();
    let layer = CostRouteLayer::builder([provider("a", "3").prompt_cache(cached)])
        .build()
        .unwrap();
    let mut body = question(1, 1);
    let text = body["messages"][0]["content"].take();
    body["messages"][0]["content"] =
        json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    let expected = body.to_string();
    let client = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let expected = expected.clone();
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, expected);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}")))
        }
    });
    let client = layer.layer(client);
    for _ in 0..10 {
        client.clone().oneshot(post(&body)).await.unwrap();
    }
}

#[test]
fn settings_of_a_cache_are_checked() {
    for (cache, setting) in [
        (
            PromptCache::automatic().lifetime(Duration::ZERO),
            "lifetime",
        ),
        (PromptCache::on_request().min_tokens(0), "min_tokens"),
    ] {
        let built = CostRouteLayer::builder([provider("a", "3").prompt_cache(cache)]).build();
        assert_eq!(built.unwrap_err().setting(), setting);
    }
}
