//! A client with all layers, for an API of two providers, and the same client without them: the
//! cost of 2,000 requests. `cargo run --release --example full_stack_client`

mod api;

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed};

use futures_util::future::try_join_all;
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{Body, ServiceBuilderExt, Stack, batch::*, cache::*, coalesce::*, core::*};
use scrimp::{cost_route::*, stampede::*};
use tower::{ServiceBuilder, ServiceExt};

/// Requests fifty rates with two hundred simultaneous tasks, ten times.
async fn ask(client: Stack, url: &str) -> Result<(), BoxError> {
    let ask = async |n| {
        let request = http::Request::get(format!("{url}/rates/{}", n % 50)).body(Body::empty())?;
        let body = client.clone().oneshot(request).await?.into_body();
        body.collect().await
    };
    for _ in 0..10 {
        try_join_all((0..200).map(ask)).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (calls, ledger) = (Arc::<AtomicU64>::default(), Ledger::new());
    let (dear, cheap): (Money, Money) = ("0.01".parse()?, "0.004".parse()?);
    let url = api::serve(calls.clone()).await?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let stack = ServiceBuilder::new().stack().map_err(box_error);
    let client: Stack = stack.service(client);
    ask(client.clone(), &url).await?;
    let without = calls.swap(0, Relaxed);
    println!("without: {without:>5} calls, {}", dear * without);

    let at = |name, price| -> Result<Provider, BoxError> {
        let provider = Provider::new(name).price(Tariff::new(Currency::USD).per_request(price));
        Ok(provider.endpoint(format!("{url}/{name}")))
    };
    let route = CostRouteLayer::builder([at("dear", dear)?, at("cheap", cheap)?])
        .ledger(ledger.clone())
        .build()?;
    let client: Stack = ServiceBuilder::new()
        .stack()
        .stampede(StampedeLayer::new())
        .cache(
            CacheLayer::builder(MemoryStore::new(8 << 20))
                .rule("path=/** ttl=1m")
                .build()?,
        )
        .coalesce(CoalesceLayer::new())
        .batch(BatchLayer::builder(RestJson::new("/batch")).build()?)
        .cost_route(route)
        .service(client);
    ask(client, &url).await?;
    let spent = ledger.spent("cost-route");
    println!("with:    {:>5} calls, {spent}", calls.load(Relaxed));
    Ok(())
}
