//! All layers around an axum application that pays a supplier for every call, and the same
//! application without them: the cost of 2,000 visits. `cargo run --release --example
//! full_stack_server`

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed};

use axum::{Json, Router, body::Body, http::Request};
use futures_util::future::try_join_all;
use http_body_util::BodyExt;
use scrimp::{ServiceBuilderExt, batch::*, cache::*, coalesce::*, core::*};
use scrimp::{cost_route::*, stampede::*};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};

/// Responds to a request, or to the requests in a batch. Counts the calls.
fn shop(calls: Arc<AtomicU64>) -> Router {
    Router::new().fallback(async move |batch: Option<Json<Value>>| {
        calls.fetch_add(1, Relaxed);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await; // duration of a call
        let asked = batch.iter().filter_map(|it| it["requests"].as_array());
        let answer = |ask: &Value| json!({"id": ask["id"], "status": 200, "body": "a product"});
        Json(json!({ "responses": asked.flatten().map(answer).collect::<Vec<_>>() }))
    })
}

/// Requests fifty products with two hundred simultaneous visitors, ten times.
async fn visit(shop: Router) -> Result<(), BoxError> {
    let look = async |n| {
        let request = Request::get(format!("/products/{}", n % 50)).body(Body::empty())?;
        let body = shop.clone().oneshot(request).await?.into_body();
        body.collect().await.map_err(box_error)
    };
    for _ in 0..10 {
        try_join_all((0..200).map(look)).await?;
    }
    Ok(())
}

/// Returns the number of calls and their cost, without layers and with all of them.
async fn compare() -> Result<[(u64, Totals); 2], BoxError> {
    let (calls, ledger) = (Arc::<AtomicU64>::default(), Ledger::new());
    let (dear, cheap): (Money, Money) = ("0.01".parse()?, "0.004".parse()?);
    visit(shop(calls.clone())).await?;
    let without = calls.swap(0, Relaxed);
    let tariff = |price| Tariff::new(Currency::USD).per_request(price);
    let supplier = |(name, price)| Provider::new(name).price(tariff(price));
    let route = CostRouteLayer::builder([("dear", dear), ("cheap", cheap)].map(supplier))
        .ledger(ledger.clone())
        .build()?;
    let layers = ServiceBuilder::new()
        .stampede(StampedeLayer::new())
        .cache(
            CacheLayer::for_origin(MemoryStore::new(8 << 20))
                .rule("path=/** ttl=1m")
                .build()?,
        )
        .coalesce(CoalesceLayer::new())
        .batch(BatchLayer::builder(RestJson::new("/batch")).build()?)
        .cost_route(route);
    let app = Router::new().fallback_service(shop(calls.clone())); // one service for all
    visit(app.layer(layers)).await?;
    let spent = ledger.spent("cost-route");
    Ok([
        (without, (dear * without).into()),
        (calls.load(Relaxed), spent),
    ])
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let [(without, dear), (with, spent)] = compare().await?;
    println!("without: {without:>5} calls, {dear}");
    println!("with:    {with:>5} calls, {spent}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn two_thousand_visits_cost_twenty_dollars_without_the_layers_and_cents_with_them() {
        let [without, (calls, spent)] = super::compare().await.expect("answers");
        assert_eq!((without.0, without.1.to_string()), (2_000, "$20.00".into()));
        // Fifty products go in batches to the cheaper supplier.
        assert!((1..=10).contains(&calls), "{calls} calls");
        let cheap: scrimp::core::Money = "0.004".parse().expect("an amount");
        assert_eq!(spent, (cheap * calls).into());
    }
}
