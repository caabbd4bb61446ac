//! The layer for shared calls, inside and outside of the cache.

use futures_util::future::join_all;
use http::Response;
use http_body_util::BodyExt;
use scrimp::{
    cache::{CacheLayer, Invalidation, MemoryStore},
    coalesce::CoalesceLayer,
    core::Ledger,
};
use scrimp_testkit::{Gate, PollCounter, Reply, Scripted, ScriptedBody, Upstream};
use scrimp_tests::request;
use tower::{Layer, Service, ServiceExt};

const URL: &str = "http://api.example.com/feed";

/// Returns a storable response, in two halves with the gate `rest` in between.
fn halves(gate: &Gate, rest: &Gate) -> (Scripted, Upstream) {
    let (gate, rest) = (gate.clone(), rest.clone());
    Scripted::answering(move |_| {
        let body = ScriptedBody::new()
            .data("first ")
            .gate(&rest)
            .data("second");
        let mut response = Response::new(body);
        let lifetime = "max-age=60".parse().expect("a value");
        response.headers_mut().insert("cache-control", lifetime);
        Reply::respond(response).gate(&gate)
    })
}

fn cache() -> CacheLayer {
    CacheLayer::new(MemoryStore::new(1 << 20))
}

async fn settled() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}

/// Returns two open gates.
fn open() -> (Gate, Gate) {
    let gates = (Gate::new(), Gate::new());
    gates.0.open();
    gates.1.open();
    gates
}

#[tokio::test(start_paused = true)]
async fn a_thousand_misses_are_one_call_and_one_put() {
    let (gate, rest) = (Gate::new(), Gate::new());
    let (inner, upstream) = halves(&gate, &rest);
    let ledger = Ledger::new();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    let service = cache.layer(CoalesceLayer::new().layer(inner));
    let fetch = || {
        let service = service.clone();
        async move {
            let response = service.oneshot(request("GET", URL, &[])).await;
            let response = response.expect("an answer");
            let said = response.headers()["cache-status"]
                .to_str()
                .map(str::to_owned);
            let body = response.into_body().collect().await.expect("a body");
            (said.expect("a text"), body.to_bytes())
        }
    };
    let calls: Vec<_> = (0..1000).map(|_| tokio::spawn(fetch())).collect();
    settled().await;
    gate.open();
    settled().await;
    let held = cache.stats().store.fill_bytes;
    assert!(
        held < 64 << 10,
        "one body is collected, not a thousand: {held} bytes"
    );
    rest.open();
    let mut collapsed = 0;
    for call in calls {
        let (said, body) = call.await.expect("no panic");
        assert_eq!(body, "first second");
        collapsed += usize::from(said.contains("; collapsed"));
        assert!(
            !said.contains("scrimp-coalesce"),
            "the cache reports it: {said}"
        );
    }
    let stats = cache.stats();
    assert_eq!((upstream.calls(), stats.stored), (1, 1));
    // A joined request is not a miss.
    assert_eq!((stats.misses, stats.joined), (1, 999));
    assert!(
        (stats.hit_rate() - 0.999).abs() < 1e-9,
        "{}",
        stats.hit_rate()
    );
    assert_eq!(collapsed, 999);
    assert_eq!(ledger.lines()[0].calls_made, 1);
    assert_eq!(fetch().await.1, "first second");
    assert_eq!((upstream.calls(), cache.stats().hits), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_response_is_stored_if_at_least_one_reader_stays() {
    for stays in 0..4 {
        let (gate, rest) = (Gate::new(), Gate::new());
        let (inner, upstream) = halves(&gate, &rest);
        let cache = cache();
        let service = cache.layer(CoalesceLayer::new().layer(inner));
        let mut calls: Vec<_> = (0..4)
            .map(|_| PollCounter::new(service.clone().oneshot(request("GET", URL, &[]))))
            .collect();
        for call in &mut calls {
            assert!(call.poll_now().is_pending());
        }
        gate.open();
        let mut readers = join_all(calls).await;
        for reader in &mut readers {
            let response = reader.as_mut().expect("an answer");
            response
                .body_mut()
                .frame()
                .await
                .expect("a frame")
                .expect("data");
        }
        let stayed = readers.swap_remove(stays).expect("an answer");
        drop(readers);
        rest.open();
        stayed.into_body().collect().await.expect("the rest");
        assert_eq!(
            (upstream.calls(), cache.stats().stored),
            (1, 1),
            "{stays} stays"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_request_receives_or_stores_a_response_invalidated_before_it() {
    let (gate, rest) = (Gate::new(), Gate::new());
    let versions = std::sync::atomic::AtomicUsize::new(1);
    let (inner, upstream) = Scripted::answering({
        let gate = gate.clone();
        move |_| {
            let version = versions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut response = Response::new(ScriptedBody::new().data(version.to_string()));
            let lifetime = "max-age=60".parse().expect("a value");
            response.headers_mut().insert("cache-control", lifetime);
            Reply::respond(response).gate(&gate)
        }
    });
    rest.open();
    let cache = cache();
    let service = cache.layer(CoalesceLayer::new().layer(inner));
    let ask = || {
        let service = service.clone();
        tokio::spawn(async move {
            let response = service.oneshot(request("GET", URL, &[])).await;
            let body = response.expect("an answer").into_body().collect().await;
            body.expect("a body").to_bytes()
        })
    };
    let before = ask();
    settled().await;
    cache.invalidator().invalidate(&Invalidation::everything());
    let after = [ask(), ask()];
    settled().await;
    gate.open();
    assert_eq!(before.await.expect("no panic"), "1");
    for answer in after {
        assert_eq!(answer.await.expect("no panic"), "2");
    }
    assert_eq!(upstream.calls(), 2);
    assert_eq!(
        ask().await.expect("no panic"),
        "2",
        "the newer one is stored"
    );
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn outside_of_the_cache_it_shares_hits_and_misses() {
    let (gate, rest) = open();
    let (inner, upstream) = halves(&gate, &rest);
    let (cache, coalesce) = (cache(), CoalesceLayer::new());
    let mut service = coalesce.layer(cache.clone().layer(inner));
    for _ in 0..2 {
        let calls = (0..10).map(|_| service.call(request("GET", URL, &[])));
        let calls: Vec<_> = calls.collect();
        for response in join_all(calls).await {
            let body = response.expect("an answer").into_body().collect().await;
            assert_eq!(body.expect("a body").to_bytes(), "first second");
        }
    }
    assert_eq!((upstream.calls(), cache.stats().stored), (1, 1));
    assert!(cache.stats().hits >= 1, "{:?}", cache.stats());
}
