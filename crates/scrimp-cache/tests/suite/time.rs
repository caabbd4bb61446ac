//! The effects of time: expiry, background refreshes, clocks that jump.

use crate::common;

use std::time::Duration;

use bytes::Bytes;
use common::{Rig, layer, minute, noon, reply, request};
use http_body_util::BodyExt;
use scrimp_core::extensions::{CacheInfo, Directive, Explain, LifetimeJitter};
use scrimp_testkit::{Gate, Reply, Scripted};
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn a_response_expires_to_the_second() {
    let rig = Rig::answering(layer(), |_| minute("x"));
    rig.get("/").await;
    rig.clock.advance(Duration::from_millis(59_999));
    assert!(rig.get("/").await.is_hit());
    rig.clock.advance(Duration::from_millis(1));
    assert!(!rig.get("/").await.is_hit());
}

#[tokio::test]
async fn a_wall_clock_that_jumps_neither_ages_nor_renews_what_is_stored() {
    let rig = Rig::answering(layer(), |_| minute("x"));
    rig.get("/").await;
    rig.clock.set_wall(noon() + Duration::from_secs(1 << 30));
    assert_eq!(rig.get("/").await.header("age"), "0");
    rig.clock.set_wall(noon() - Duration::from_secs(1 << 30));
    rig.wait(30);
    assert_eq!(rig.get("/").await.header("age"), "30");
    rig.clock.advance_instant(Duration::from_secs(30));
    assert!(!rig.get("/").await.is_hit());
}

/// Fetches these pages ahead of time with a jitter. Returns the seconds for which each is fresh.
async fn lifetimes(rig: &Rig, jitter: u16, pages: usize) -> Vec<u64> {
    let mut lifetimes = Vec::new();
    for page in 0..pages {
        let mut ahead = request("GET", &format!("/{page}"), &[]);
        ahead.extensions_mut().insert(Directive::Prefetch);
        ahead.extensions_mut().insert(LifetimeJitter(jitter));
        ahead.extensions_mut().insert(Explain);
        let answer = rig.send(ahead).await.expect("an answer");
        let info = answer.extensions.get::<CacheInfo>().expect("a verdict");
        lifetimes.push(info.expires_in.expect("a lifetime").as_secs());
    }
    lifetimes
}

#[tokio::test]
async fn what_was_fetched_together_does_not_expire_together_and_never_later() {
    let hour = || reply(200, &[("cache-control", "max-age=3600")], "x");
    let rig = Rig::answering(layer(), move |_| hour());
    let cut = lifetimes(&rig, 200, 100).await;
    assert!(cut.iter().all(|seconds| (2_880..=3_600).contains(seconds)));
    let (low, high) = (cut.iter().min(), cut.iter().max());
    assert!(low < Some(&3_060) && high > Some(&3_420), "{cut:?}");

    // Everything may be cut off, and no more.
    let hour = || reply(200, &[("cache-control", "max-age=3600")], "x");
    let rig = Rig::answering(layer().rule("min-ttl=30m"), move |_| hour());
    let bounded = lifetimes(&rig, u16::MAX, 100).await;
    assert!(
        bounded.iter().all(|s| (1_800..=3_600).contains(s)),
        "{bounded:?}"
    );
}

#[tokio::test]
async fn a_request_without_a_directive_is_stored_for_its_whole_lifetime() {
    let rig = Rig::answering(layer(), |_| minute("x"));
    let mut plain = request("GET", "/", &[]);
    plain.extensions_mut().insert(LifetimeJitter(1_000));
    rig.send(plain).await.expect("an answer");
    rig.clock.advance(Duration::from_millis(59_999));
    assert!(rig.get("/").await.is_hit());
}

#[tokio::test]
async fn lifetimes_of_nothing_and_of_for_ever_both_hold() {
    let layer = layer()
        .rule("path=/0s ttl=0s")
        .rule("path=/infinite ttl=infinite");
    let rig = Rig::answering(layer, |_| reply(200, &[], "x"));
    for uri in ["/0s", "/infinite"] {
        rig.get(uri).await;
    }
    assert!(!rig.get("/0s").await.is_hit());
    rig.clock
        .advance_instant(Duration::from_secs(100 * 365 * 86_400));
    let hit = rig.get("/infinite").await;
    assert_eq!((hit.is_hit(), hit.header("age")), (true, "2147483648"));
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_is_served_at_once_and_refreshed_once() {
    let gate = Gate::new();
    let swr = [("cache-control", "max-age=10, stale-while-revalidate=60")];
    let replies = [reply(200, &swr, "old"), reply(200, &swr, "new").gate(&gate)];
    let rig = Rig::script(layer(), replies);
    rig.get("/").await;
    rig.wait(11);
    for _ in 0..100 {
        let stale = rig.get("/").await;
        assert_eq!(
            (stale.text(), stale.cache_status()),
            ("old", "scrimp; hit; ttl=-1")
        );
    }
    gate.reached(1).await;
    assert_eq!(rig.upstream.calls(), 2);
    gate.open();
    while rig.upstream.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert_eq!(rig.get("/").await.text(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_or_panics_leaves_room_for_the_next() {
    let swr = [("cache-control", "max-age=10, stale-while-revalidate=60")];
    let replies = [
        reply(200, &swr, "old"),
        Reply::error("reset"),
        Reply::panic(),
        reply(200, &swr, "new"),
    ];
    let rig = Rig::script(layer(), replies);
    rig.get("/").await;
    rig.wait(11);
    for calls in 2..=4 {
        assert_eq!(rig.get("/").await.text(), "old");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(rig.upstream.calls(), calls);
    }
    assert_eq!(rig.get("/").await.text(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_ends_when_the_last_service_is_gone() {
    let gate = Gate::new();
    let swr = [("cache-control", "max-age=10, stale-while-revalidate=60")];
    let replies = [reply(200, &swr, "old"), reply(200, &swr, "new").gate(&gate)];
    let Rig {
        cache,
        upstream,
        clock,
        ..
    } = {
        let rig = Rig::script(layer(), replies);
        rig.get("/").await;
        rig.wait(11);
        rig.get("/").await;
        rig
    };
    let _ = clock;
    gate.reached(1).await;
    drop(cache);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!((upstream.abandoned(), upstream.in_flight()), (1, 0));
}

#[tokio::test]
async fn a_slow_answer_does_not_take_the_place_of_a_newer_one() {
    let gate = Gate::new();
    let rig = Rig::script(layer(), [minute("older").gate(&gate), minute("newer")]);
    let slow = rig.get("/");
    let quick = async {
        gate.reached(1).await;
        rig.wait(1);
        assert_eq!(rig.get("/").await.text(), "newer");
        gate.open();
    };
    let (slow, ()) = tokio::join!(slow, quick);
    assert_eq!(slow.text(), "older");
    assert_eq!(rig.get("/").await.text(), "newer");
}

#[tokio::test(start_paused = true)]
async fn a_directive_refreshes_what_is_fresh_and_the_cost_is_smoothed() {
    let took = |body: &str, ms| minute(body).delay(Duration::from_millis(ms));
    let (service, upstream) = Scripted::script([took("old", 400), took("new", 800)]);
    let cache = layer().explain(true).build().unwrap().layer(service);
    let ask = async |directive: Option<Directive>| {
        let mut request = common::request("GET", "/", &[]);
        if let Some(directive) = directive {
            request.extensions_mut().insert(directive);
        }
        let response = cache.clone().oneshot(request).await.expect("an answer");
        let info = response.extensions().get::<CacheInfo>().cloned();
        let body = response.into_body().collect().await.expect("a body");
        (body.to_bytes(), info.and_then(|info| info.recompute_cost))
    };
    assert_eq!(ask(None).await.0, "old");
    assert_eq!(ask(Some(Directive::RefreshNow)).await.0, "new");
    let smoothed = Duration::from_millis(500);
    assert_eq!(ask(None).await, (Bytes::from("new"), Some(smoothed)));
    assert_eq!(upstream.calls(), 2);
}
