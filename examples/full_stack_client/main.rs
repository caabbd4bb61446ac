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

/// Returns the number of calls and their cost, without layers and with all of them.
async fn compare() -> Result<[(u64, Totals); 2], BoxError> {
    let (calls, ledger) = (Arc::<AtomicU64>::default(), Ledger::new());
    let (dear, cheap): (Money, Money) = ("0.01".parse()?, "0.004".parse()?);
    let url = api::serve(calls.clone()).await?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let stack = ServiceBuilder::new().stack().map_err(box_error);
    let client: Stack = stack.service(client);
    ask(client.clone(), &url).await?;
    let without = calls.swap(0, Relaxed);

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
    async fn two_thousand_requests_cost_twenty_dollars_without_the_layers_and_cents_with_them() {
        let [without, (calls, spent)] = super::compare().await.expect("answers");
        assert_eq!((without.0, without.1.to_string()), (2_000, "$20.00".into()));
        // Fifty rates go in batches to the cheaper provider.
        assert!((1..=10).contains(&calls), "{calls} calls");
        let cheap: scrimp::core::Money = "0.004".parse().expect("an amount");
        assert_eq!(spent, (cheap * calls).into());
    }
}
