//! Layers around the upstream, and around the cache.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use scrimp_cost_route::{Budget, Cap, CostRouteLayer, Period, Provider};
use scrimp_limit::LimitLayer;
use tokio::net::TcpListener;
use tower::{timeout::TimeoutLayer, util::MapRequestLayer};

use super::{Gateway, LOOPBACK, OK, always, upstream};

const CACHEABLE: &str =
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok";

type Request = axum::extract::Request;

/// Returns a layer that counts requests, and the count.
fn counting() -> (
    MapRequestLayer<impl Fn(Request) -> Request + Clone + Send + Sync + 'static>,
    Arc<AtomicUsize>,
) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let layer = MapRequestLayer::new(move |request: Request| {
        counted.fetch_add(1, SeqCst);
        request
    });
    (layer, count)
}

#[tokio::test]
async fn layers_inside_the_cache_see_calls_and_those_outside_see_hits_too() {
    let ((inside, calls), (outside, requests)) = (counting(), counting());
    let gateway = Gateway::with(always(CACHEABLE).await, |builder| {
        builder.around_upstream(inside).around_cache(outside)
    })
    .await;
    for _ in 0..5 {
        assert!(gateway.get("/").await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!((calls.load(SeqCst), requests.load(SeqCst)), (1, 5));
}

#[tokio::test]
async fn a_budget_and_a_rate_end_calls_of_the_upstream_and_not_hits() {
    let provider = Provider::new("upstream").price("0.01");
    let budget = Budget::new([Cap::new("all", "0.03", Period::Forever)]);
    let route = CostRouteLayer::builder([provider]).budget(budget).build();
    let gateway = Gateway::with(always(CACHEABLE).await, |builder| {
        builder.around_upstream(route.unwrap())
    })
    .await;
    for number in 0..300 {
        let seen = gateway.get(&format!("/{number}")).await;
        let status = if number < 3 { "200" } else { "402" };
        assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")), "{seen}");
    }
    assert!(gateway.get("/0").await.starts_with("HTTP/1.1 200 "));

    let limit = LimitLayer::per(2, Duration::from_secs(86_400)).build();
    let gateway = Gateway::with(always(OK).await, |builder| {
        builder.around_upstream(limit.unwrap())
    })
    .await;
    for number in 0..200 {
        let seen = gateway.get("/").await;
        let status = if number < 2 { "200" } else { "429" };
        assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")), "{seen}");
    }
}

#[tokio::test]
async fn a_failure_of_the_upstream_keeps_its_reason_behind_layers() {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let absent = listener.local_addr().unwrap();
    drop(listener);
    let (counting, calls) = counting();
    let limit = LimitLayer::per_second(100).build().unwrap();
    let gateway = Gateway::with(absent, |builder| {
        builder.around_upstream(counting).around_upstream(limit)
    })
    .await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
    assert!(seen.contains("error=connection_refused"), "{seen}");
    assert_eq!(calls.load(SeqCst), 1);
}

#[tokio::test]
async fn a_layer_that_fails_by_itself_becomes_a_502() {
    let silent = upstream(async |mut wire| {
        wire.head().await;
        std::future::pending::<()>().await;
    })
    .await;
    let gateway = Gateway::with(silent, |builder| {
        builder.around_upstream(TimeoutLayer::new(Duration::from_millis(20)))
    })
    .await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
    assert!(seen.contains("urn:scrimp:gateway:layer-failed"), "{seen}");
}
