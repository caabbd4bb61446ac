//! Routing to providers with OpenAI's protocol, mocked by the npm package `@copilotkit/aimock`.
//!
//! `scripts/prices.sh` installs and starts them, and runs this.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp_core::{Currency, Money};
use scrimp_cost_route::{
    Budget, Cap, CostRouteLayer, Miss, Period, Provider, Rate, RouteDecision, Tap, Tariff,
    TokenRates,
};
use serde::Deserialize;
use tower::{Layer, Service, ServiceExt};

#[derive(Deserialize)]
struct Urls {
    well: String,
    limited: String,
    cut: String,
}

fn urls() -> Urls {
    let urls = std::env::var("SCRIMP_AIMOCK").expect("scripts/prices.sh sets it");
    serde_json::from_str(&urls).unwrap()
}

/// Makes a provider that charges $1 per thousand tokens in and $2 out, times `factor`.
fn provider(name: &str, url: &str, factor: u32) -> Provider {
    let rate = |text: &str| text.parse::<Rate>().unwrap().permille(1_000 * factor);
    let rates = TokenRates::text(rate("0.001"), rate("0.002"));
    Provider::new(name)
        .endpoint(url)
        .bearer("test")
        .price(Tariff::new(Currency::USD).tokens(rates))
}

fn chat(stream: bool) -> Request<Full<Bytes>> {
    let body = format!(
        r#"{{"model":"gpt-4o-mini","stream":{stream},"stream_options":{{"include_usage":true}},"messages":[{{"role":"user","content":"tell me something"}}]}}"#
    );
    Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

struct Read {
    decision: RouteDecision,
    body: Result<Bytes, hyper::Error>,
    limit: Option<f64>,
}

async fn ask(layer: &CostRouteLayer, request: Request<Full<Bytes>>) -> Read {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut service = layer.layer(client);
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let limit = parts.headers.get("retry-after");
    Read {
        limit: limit.and_then(|value| value.to_str().ok()?.parse().ok()),
        decision: parts.extensions.get().cloned().expect("a decision"),
        body: body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes),
    }
}

#[tokio::test]
#[ignore = "needs aimock: scripts/prices.sh"]
async fn usage_is_read_from_json_and_from_streams_alike() {
    for stream in [false, true] {
        let budget = Budget::new([Cap::new("all", "100", Period::Forever)]);
        let layer = CostRouteLayer::builder([provider("well", &urls().well, 1)])
            .budget(budget.clone())
            .build()
            .unwrap();
        let body = ask(&layer, chat(stream)).await.body.unwrap();
        let mut tap = Tap::new();
        tap.see(&body);
        let usage = tap.usage().expect("aimock says what was used");
        assert!(usage.prompt() > 0 && usage.completion() > 0);
        let pico = i128::from(usage.prompt() + 2 * usage.completion()) * 1_000_000_000;
        assert_eq!(budget.snapshot()[0].spent.pico(), pico, "stream: {stream}");
    }
}

#[tokio::test]
#[ignore = "needs aimock: scripts/prices.sh"]
async fn who_has_had_enough_is_left_alone_for_as_long_as_it_says() {
    let urls = urls();
    let alone = CostRouteLayer::builder([provider("limited", &urls.limited, 1)])
        .build()
        .unwrap();
    let limit = ask(&alone, chat(false)).await.limit;
    assert!(limit.is_some_and(|seconds| seconds > 0.0), "{limit:?}");
    let layer = CostRouteLayer::builder([
        provider("limited", &urls.limited, 1),
        provider("well", &urls.well, 5),
    ])
    .explore(false)
    .build()
    .unwrap();
    let first = ask(&layer, chat(false)).await;
    assert_eq!(first.decision.tried[0].miss, Miss::Status(429));
    let second = ask(&layer, chat(false)).await;
    assert_eq!(
        (&*second.decision.provider, second.decision.tried.len()),
        ("well", 0)
    );
}

#[tokio::test]
#[ignore = "needs aimock: scripts/prices.sh"]
async fn a_stream_that_is_cut_ends_with_an_error_and_is_paid_as_far_as_it_came() {
    let budget = Budget::new([Cap::new("all", "100", Period::Forever)]);
    let layer = CostRouteLayer::builder([provider("cut", &urls().cut, 1)])
        .budget(budget.clone())
        .build()
        .unwrap();
    let read = ask(&layer, chat(true)).await;
    assert!(read.body.is_err(), "a cut must not look like an end");
    let spent = budget.snapshot()[0].spent;
    // The prompt and the part of the answer that came, which cost less than the whole one.
    let whole = Budget::new([Cap::new("all", "100", Period::Forever)]);
    let layer_of_whole = CostRouteLayer::builder([provider("well", &urls().well, 1)])
        .budget(whole.clone())
        .build()
        .unwrap();
    ask(&layer_of_whole, chat(true)).await.body.unwrap();
    let whole = whole.snapshot()[0].spent;
    assert!(Money::ZERO < spent && spent < whole, "{spent} of {whole}");
    let figures = layer.figures().json();
    assert!(figures["providers"][0]["reliability"].as_f64().unwrap() < 0.99);
}
