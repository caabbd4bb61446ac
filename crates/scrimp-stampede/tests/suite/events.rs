//! Event streams: no request waits for their end.

use crate::common;

use std::time::Duration;

use common::{Fields, Rig, ms, never_early, noon, reply, request, respond};
use futures_util::future::join_all;
use http::request::Parts;
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::Clock;
use scrimp_testkit::{Gate, Reply, Scripted, ScriptedBody};
use tokio::time::Instant;
use tower::Layer;

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

/// Returns the layer over a cache with this rule.
fn rig(rule: &str, answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static) -> Rig {
    let clock = Clock::anchored(noon());
    let layer = never_early().clock(clock.clone()).build();
    let layer = layer.expect("valid settings");
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).rule(rule);
    let cache = cache.clock(clock).build().expect("valid settings");
    let (service, upstream) = Scripted::answering(answer);
    Rig {
        service: layer.layer(cache.layer(service)),
        upstream,
        layer,
        cache,
    }
}

/// Opens streams at once. Returns the longest time to a head, with the responses.
async fn open(rig: &Rig, count: usize) -> (Duration, Vec<impl Sized>) {
    let started = Instant::now();
    let heads = join_all((0..count).map(|_| rig.open(request("/", &[])))).await;
    let open = heads.into_iter().map(|head| head.expect("an answer"));
    (started.elapsed(), open.collect())
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_stream_releases_all_who_wait() {
    for kind in [
        "text/event-stream",
        "application/x-ndjson",
        "multipart/mixed; boundary=b",
    ] {
        for rule in ["path=/**", "path=/** events=keep"] {
            let shut = Gate::new();
            let rig = rig(rule, move |_| {
                let body = ScriptedBody::new().data("data: a\n\n").gate(&shut);
                respond(200, &[("content-type", kind), MINUTE], body).delay(ms(20))
            });
            // The first head shows what it is. Then each makes a call of its own.
            let (waited, first) = open(&rig, 10).await;
            assert_eq!(waited, ms(40), "{kind} {rule}");
            let (waited, second) = open(&rig, 1).await;
            assert_eq!(waited, ms(20), "{kind} {rule}");
            assert_eq!(rig.upstream.calls(), first.len() + second.len());
            assert_eq!(rig.layer.stats().timed_out, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_stream_releases_all_over_any_cache() {
    let fields: Fields<'_> = &[
        ("content-type", "text/event-stream"),
        ("x-cache", "MISS"),
        MINUTE,
    ];
    let shut = Gate::new();
    let (service, upstream) = Scripted::answering(move |_| {
        let body = ScriptedBody::new().data("data: a\n\n").gate(&shut);
        respond(200, fields, body).delay(ms(20))
    });
    let layer = never_early().build().expect("valid settings");
    let service = layer.layer(service);
    let started = Instant::now();
    let call = || tower::ServiceExt::oneshot(service.clone(), request("/", &[]));
    let open = join_all((0..10).map(|_| call())).await;
    assert_eq!((started.elapsed(), open.len()), (ms(40), upstream.calls()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_a_rule_has_kept_is_a_hit() {
    let rig = rig("path=/** events=keep", |_| {
        reply(
            200,
            &[("content-type", "text/event-stream"), MINUTE],
            "data: a\n\n",
        )
    });
    assert!(!rig.get("/").await.is_hit());
    for _ in 0..3 {
        assert!(rig.get("/").await.is_hit());
    }
    assert_eq!(rig.upstream.calls(), 1);
}
