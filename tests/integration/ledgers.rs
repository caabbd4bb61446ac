//! One ledger for the cache, the coalescer, the batch layer and the router, over prices by the
//! token.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp::{
    batch::{ArrayInput, BatchLayer, BatchWindow},
    cache::{CacheLayer, MemoryStore},
    coalesce::{CoalesceLayer, Overflow},
    core::{Currency, Ledger, Money},
    cost_route::{CostRouteLayer, Provider, Rate, RequestBody, Tariff, TokenRates},
};
use tokio::sync::Notify;
use tower::{ServiceBuilder, ServiceExt, service_fn};

type Body = Full<Bytes>;

fn dollars(text: &str) -> Money {
    text.parse().expect("an amount")
}

/// Returns a router over one model at $1 per million input tokens, and $10 output.
fn router(ledger: &Ledger) -> CostRouteLayer {
    let rates = TokenRates::text(Rate::per("1", 1_000_000), Rate::per("10", 1_000_000));
    let tariff = Tariff::new(Currency::USD).tokens(rates);
    let model = Provider::new("model").price(tariff);
    CostRouteLayer::builder([model])
        .ledger(ledger.clone())
        .build()
        .expect("a layer")
}

#[tokio::test]
async fn each_layers_ledger_says_what_the_routers_says_and_no_call_counts_twice() {
    let ledger = Ledger::new();
    let gate = Arc::new(Notify::new());
    let upstream = service_fn({
        let gate = Arc::clone(&gate);
        move |_: Request<RequestBody<Body>>| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                let answer = r#"{"usage":{"prompt_tokens":1200,"completion_tokens":1500}}"#;
                let mut response = Response::new(Body::from(answer));
                let fields = response.headers_mut();
                fields.insert("cache-control", "max-age=60".parse().expect("a value"));
                Ok::<_, Infallible>(response)
            }
        }
    });
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .ledger(ledger.clone())
        .build()
        .expect("a layer");
    let coalesce = CoalesceLayer::builder()
        .ledger(ledger.clone())
        .build()
        .expect("a layer");
    let client = ServiceBuilder::new()
        .layer(cache)
        .layer(coalesce)
        .layer(router(&ledger))
        .service(upstream);
    let ask = || async {
        let request = Request::get("http://model/answer").body(Body::default());
        let client = client.clone();
        let response = client.oneshot(request.expect("a request")).await;
        let body = response.expect("an answer").into_body().collect().await;
        body.expect("a clean end").to_bytes()
    };
    // Three callers share one call; two more are answered from store.
    let shared = join_all((0..3).map(|_| ask()));
    let release = async {
        tokio::task::yield_now().await;
        gate.notify_one();
    };
    futures_util::future::join(shared, release).await;
    ask().await;
    ask().await;

    let cost = dollars("0.0162");
    for layer in ["cache", "coalesce", "cost-route"] {
        assert_eq!(ledger.spent(layer), cost.into(), "{layer}: {ledger}");
    }
    let totals = ledger.totals();
    assert_eq!(
        (totals.calls_made, totals.spent),
        (1, cost.into()),
        "{ledger}"
    );
    // Each of the other four would have cost the same.
    assert_eq!(
        (totals.calls_avoided, totals.saved),
        (4, (cost * 4).into()),
        "{ledger}"
    );
}

#[tokio::test]
async fn a_batch_of_tokens_counts_once_and_each_caller_pays_its_part() {
    let ledger = Ledger::new();
    let upstream = service_fn(|request: Request<RequestBody<Body>>| async move {
        let body = request.into_body().collect().await?.to_bytes();
        let asked: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let count = asked["input"].as_array().map_or(1, Vec::len);
        let data: Vec<_> = (0..count)
            .map(|index| serde_json::json!({"index": index, "embedding": [1]}))
            .collect();
        let answer = serde_json::json!({
            "data": data,
            "usage": {"prompt_tokens": 1_000 * count, "total_tokens": 1_000 * count},
        });
        Ok::<_, Infallible>(Response::new(Body::from(answer.to_string())))
    });
    let batch = BatchLayer::builder(ArrayInput::default())
        .window(BatchWindow::fixed(Duration::from_millis(20)))
        .ledger(ledger.clone())
        .build()
        .expect("a layer");
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .ledger(ledger.clone())
        .build()
        .expect("a layer");
    let client = ServiceBuilder::new()
        .layer(cache)
        .layer(batch)
        .layer(router(&ledger))
        .service(upstream);
    let ask = |n: u32| {
        let body = format!("{{\"model\":\"m\",\"input\":\"text {n}\"}}");
        let request = Request::post("http://model/v1/embeddings")
            .header("content-type", "application/json")
            .body(Body::from(body));
        let client = client.clone();
        async move {
            let response = client.oneshot(request.expect("a request")).await;
            let body = response.expect("an answer").into_body().collect().await;
            body.expect("a clean end").to_bytes()
        }
    };
    join_all((0..4).map(ask)).await;
    for layer in ["cache", "batch", "cost-route"] {
        assert_eq!(
            ledger.spent(layer),
            dollars("0.004").into(),
            "{layer}: {ledger}"
        );
    }
    let totals = ledger.totals();
    assert_eq!(
        (totals.calls_made, totals.spent),
        (1, dollars("0.004").into()),
        "{ledger}"
    );
}

#[tokio::test]
async fn a_request_that_a_layer_within_refuses_without_a_call_costs_nothing() {
    let ledger = Ledger::new();
    let price = dollars("1");
    let upstream =
        service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let answers = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Body::from("answer")))
    });
    let coalesce = CoalesceLayer::builder()
        .ledger(ledger.clone())
        .price(price)
        .build()
        .expect("a layer");
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .ledger(ledger.clone())
        .price(price)
        .build()
        .expect("a layer");
    let outside = ServiceBuilder::new()
        .layer(coalesce)
        .layer(cache.clone())
        .service(answers);
    let stored = Request::get("http://model/answer").header("cache-control", "only-if-cached");
    let stored = stored.body(Body::default()).expect("a request");
    let refused = outside.oneshot(stored).await.expect("an answer");
    assert_eq!(refused.status(), 504);

    // Room for one key, which a call without an end takes.
    let one = CoalesceLayer::builder()
        .max_keys(1)
        .overflow(Overflow::Refuse)
        .build()
        .expect("a layer");
    let full = ServiceBuilder::new()
        .layer(cache)
        .layer(one)
        .service(upstream);
    let ask = |path: &str| {
        let uri = format!("http://model/{path}");
        let request = Request::get(uri).body(Body::default());
        full.clone().oneshot(request.expect("a request"))
    };
    let mut first = Box::pin(ask("first"));
    assert!(futures_util::poll!(&mut first).is_pending());
    let refused = ask("second").await.expect("an answer");
    assert_eq!(refused.status(), 503);
    let totals = ledger.totals();
    assert_eq!(
        (totals.calls_made, ledger.spent("cache")),
        (0, Default::default())
    );
}
