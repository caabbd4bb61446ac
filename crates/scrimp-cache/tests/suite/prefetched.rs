//! Requests made ahead of time.

use crate::common;

use bytes::Bytes;
use common::{Rig, request};
use http::{Request, StatusCode};
use http_body_util::Full;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::{Ledger, extensions::Directive};

const KIB: u64 = 1 << 10;

fn ahead(uri: &str) -> Request<Full<Bytes>> {
    let mut request = request("GET", uri, &[]);
    request.extensions_mut().insert(Directive::Prefetch);
    request
}

fn rig(room: u64) -> Rig {
    let layer = CacheLayer::builder(MemoryStore::new(room));
    Rig::answering(layer, |parts| {
        common::minute(&format!("{}{}", parts.uri.path(), "x".repeat(KIB as usize)))
    })
}

#[tokio::test]
async fn what_is_missing_is_fetched_and_stored_for_callers() {
    let rig = rig(1 << 20);
    assert_eq!(rig.send(ahead("/a")).await.unwrap().status, StatusCode::OK);
    let stats = rig.layer.stats();
    assert_eq!((stats.stored, stats.hits, stats.prefetches), (1, 0, 0));
    rig.get("/a").await;
    assert_eq!((rig.layer.stats().hits, rig.upstream.calls()), (1, 1));
}

#[tokio::test]
async fn what_is_fresh_is_neither_fetched_again_nor_a_hit_nor_money_saved() {
    let ledger = Ledger::new();
    let layer = common::layer().price("0.01").ledger(ledger.clone());
    let rig = Rig::answering(layer, |_| common::minute("a"));
    rig.get("/a").await;
    let before = ledger.lines();
    for _ in 0..5 {
        assert_eq!(&rig.send(ahead("/a")).await.unwrap().body[..], b"a");
    }
    let stats = rig.layer.stats();
    assert_eq!((stats.hits, stats.prefetches, stats.requests), (0, 5, 1));
    assert_eq!((rig.upstream.calls(), ledger.lines()), (1, before.clone()));
    rig.get("/a").await;
    assert_ne!(ledger.lines(), before);
}

#[tokio::test]
async fn a_head_ahead_of_time_stays_a_head_and_fills_nothing() {
    let rig = rig(1 << 20);
    let head = || {
        let mut request = ahead("/a");
        *request.method_mut() = http::Method::HEAD;
        request
    };
    rig.send(head()).await.unwrap();
    let stats = rig.layer.stats();
    assert_eq!((stats.stored, rig.upstream.calls()), (0, 1));
    assert_eq!(rig.upstream.requests()[0].method, http::Method::HEAD);
    rig.get("/a").await;
    rig.send(head()).await.unwrap();
    let stats = rig.layer.stats();
    assert_eq!(
        (stats.prefetches, stats.hits, rig.upstream.calls()),
        (1, 0, 2)
    );
}

/// Fills a store, asks for one response often, and returns whether it is still there after as many
/// others as fit.
async fn stays(ask: impl Fn() -> Request<Full<Bytes>>) -> bool {
    let rig = rig(200 * KIB);
    for n in 0..60 {
        rig.get(&format!("/{n}")).await;
    }
    for _ in 0..50 {
        rig.send(ask()).await.unwrap();
    }
    for n in 60..600 {
        rig.get(&format!("/{n}")).await;
    }
    assert!(rig.layer.stats().store.evicted > 0);
    let calls = rig.upstream.calls();
    rig.get("/0").await;
    rig.upstream.calls() == calls
}

#[tokio::test]
async fn what_is_asked_for_ahead_of_time_only_makes_room_like_what_is_not_used() {
    assert!(stays(|| request("GET", "/0", &[])).await);
    assert!(!stays(|| ahead("/0")).await);
}
