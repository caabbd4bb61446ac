//! Faults that the soak finds by chance only, as tests of their own.

use scrimp::{
    cache::{CacheLayer, Invalidation, MemoryStore},
    coalesce::CoalesceLayer,
};
use scrimp_testkit::{Gate, Scripted};
use scrimp_tests::{Fields, reply, request};
use tower::{Layer, ServiceExt};

const URL: &str = "http://api.test/bare";

/// Starts a call, invalidates everything, and expects a second call for a later request.
async fn no_later_request_joins(fields: Fields<'static>, response: Fields<'static>) {
    let gate = Gate::new();
    let held = gate.clone();
    let (inner, upstream) = Scripted::answering(move |_| reply(200, response, "old").gate(&held));
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let service = cache.layer(CoalesceLayer::new().layer(inner));
    let ask = || tokio::spawn(service.clone().oneshot(request("GET", URL, fields)));
    gate.open();
    // The cache learns that the response is not stored.
    ask().await.expect("no panic").expect("a response");
    gate.shut();
    let first = ask();
    gate.reached(1).await;
    cache.invalidator().invalidate(&Invalidation::everything());
    let second = ask();
    gate.reached(2).await;
    gate.open();
    for call in [first, second] {
        call.await.expect("no panic").expect("a response");
    }
    assert_eq!(upstream.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn after_an_invalidation_no_request_joins_an_older_call_that_is_not_stored() {
    let joins = no_later_request_joins(&[], &[]);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(1), joins).await;
    ended.expect("a second call");
}

#[tokio::test(start_paused = true)]
async fn after_an_invalidation_no_request_joins_an_older_call_past_the_cache() {
    let joins = no_later_request_joins(&[("cookie", "a=b")], &[("cache-control", "max-age=60")]);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(1), joins).await;
    ended.expect("a second call");
}
