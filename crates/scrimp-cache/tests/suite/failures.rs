//! The operator's settings for upstreams or stores that fail or are slow.

use crate::common;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{Rig, layer, minute, reply, request};
use http::Response;
use scrimp_cache::{
    CacheLayer, Entry, FillToken, Lookup, MemoryBudget, MemoryStore, PutOutcome, Rule, Store,
    Variants,
};
use scrimp_core::{BoxError, Key, KeyRef, extensions::Deadline};
use scrimp_testkit::{Gate, Reply, Scripted};
use tower::{Layer, ServiceExt};

fn rule(text: &str) -> Rule {
    text.parse().expect("a rule")
}

#[tokio::test]
async fn fail_safe_serves_stale_for_as_long_as_the_rule_says() {
    let answers = [
        reply(200, &[], "x"),
        reply(503, &[], ""),
        Reply::error("reset"),
        minute("y"),
    ];
    let rig = Rig::script(layer().rule(rule("path=/** ttl=10s fail-safe=1m")), answers);
    rig.get("/").await;
    rig.wait(70);
    assert_eq!(rig.get("/").await.text(), "x");
    rig.wait(1);
    assert!(
        rig.send(request("GET", "/", &[])).await.is_err(),
        "a second too late"
    );
}

#[tokio::test]
async fn fail_safe_obeys_must_revalidate_unless_the_rule_overrides_the_origin() {
    for (text, stale) in [
        ("path=/** fail-safe=1m", false),
        ("path=/** fail-safe=1m override-origin", true),
    ] {
        let strict = [("cache-control", "max-age=1, must-revalidate")];
        let rig = Rig::script(
            layer().rule(rule(text)),
            [reply(200, &strict, "x"), reply(503, &[], "")],
        );
        rig.get("/").await;
        rig.wait(2);
        assert_eq!(rig.get("/").await.status == 200, stale, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_upstream_is_stood_in_for_and_its_answer_stored_when_it_comes() {
    let gate = Gate::new();
    let slow = rule("path=/** ttl=10s fail-safe=1h soft-timeout=200ms");
    let answers = [reply(200, &[], "old"), reply(200, &[], "new").gate(&gate)];
    let rig = Rig::script(layer().rule(slow), answers);
    rig.get("/").await;
    rig.wait(11);
    let asked = tokio::time::Instant::now();
    let stale = rig.get("/").await;
    assert_eq!(stale.text(), "old");
    assert!(
        stale.cache_status().ends_with("detail=soft-timeout"),
        "{}",
        stale.cache_status()
    );
    assert_eq!(asked.elapsed(), Duration::from_millis(200));
    let asked = tokio::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(rig.get("/").await.text(), "old");
    }
    assert!(
        asked.elapsed() < Duration::from_millis(20),
        "nobody waits twice for one call"
    );
    assert_eq!(rig.upstream.calls(), 2, "and nobody makes it twice");
    gate.open();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.get("/").await.text(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_soft_time_out_needs_something_to_serve() {
    let slow = rule("path=/** ttl=10s soft-timeout=200ms");
    let answers = [minute("x").delay(Duration::from_secs(3))];
    let rig = Rig::script(layer().rule(slow), answers);
    assert_eq!(rig.get("/").await.text(), "x");
}

#[tokio::test]
async fn a_fallback_answers_where_nothing_stored_may() {
    let layer = layer().fallback(|request, status| {
        let text = format!(
            "{} {}",
            request.uri().path(),
            status.map_or(0, |s| s.as_u16())
        );
        (request.uri().path() != "/loud").then(|| Response::new(Bytes::from(text)))
    });
    let answers = [
        reply(503, &[], ""),
        Reply::error("reset"),
        reply(503, &[], ""),
        reply(404, &[], ""),
    ];
    let rig = Rig::script(layer, answers);
    let answer = rig.get("/a").await;
    assert_eq!((answer.text(), answer.status.as_u16()), ("/a 503", 200));
    let said = "scrimp; fwd=uri-miss; fwd-status=503; detail=fallback";
    assert_eq!(answer.cache_status(), said);
    assert_eq!(rig.get("/b").await.text(), "/b 0");
    assert_eq!(rig.get("/loud").await.status.as_u16(), 503);
    assert_eq!(rig.get("/a").await.status.as_u16(), 404);
}

#[tokio::test]
async fn lifetimes_have_bounds_and_nothing_has_one_of_its_own() {
    let bounds = rule("path=/** negative-ttl=7s min-ttl=5s max-ttl=1m");
    let rig = Rig::answering(layer().rule(bounds), |parts| match parts.uri.path() {
        "/gone" => reply(404, &[], ""),
        "/short" => reply(200, &[("cache-control", "max-age=1")], ""),
        "/long" => reply(200, &[("cache-control", "max-age=9999")], ""),
        _ => reply(200, &[("cache-control", "no-store, max-age=1")], ""),
    });
    for (uri, ttl) in [
        ("/gone", "ttl=7;"),
        ("/short", "ttl=5;"),
        ("/long", "ttl=60;"),
    ] {
        assert!(rig.get(uri).await.cache_status().contains(ttl), "{uri}");
    }
    assert!(
        rig.get("/never")
            .await
            .cache_status()
            .ends_with("detail=no-store")
    );
}

#[tokio::test]
async fn jitter_takes_up_to_its_share_off_and_never_adds() {
    let rig = Rig::answering(layer().rule(rule("path=/** ttl=1000s jitter=10%")), |_| {
        reply(200, &[], "")
    });
    let mut lifetimes = Vec::new();
    for n in 0..200 {
        let answer = rig.get(&format!("/{n}")).await;
        let said = answer
            .cache_status()
            .split("ttl=")
            .nth(1)
            .expect("a ttl")
            .to_owned();
        let ttl: u32 = said
            .split(';')
            .next()
            .expect("a number")
            .parse()
            .expect("a number");
        assert!((899..=1000).contains(&ttl), "{ttl}");
        lifetimes.push(ttl);
    }
    lifetimes.sort_unstable();
    lifetimes.dedup();
    assert!(lifetimes.len() > 30, "they differ: {lifetimes:?}");
}

#[tokio::test]
async fn a_rule_may_want_smaller_bodies_than_the_store() {
    let rig = Rig::answering(layer().rule(rule("path=/** max-body=4")), |parts| {
        minute(&parts.uri.path()[1..])
    });
    for (uri, kept) in [("/1234", true), ("/12345", false)] {
        rig.get(uri).await;
        assert_eq!(rig.get(uri).await.is_hit(), kept, "{uri}");
    }
}

/// A store whose look-ups fail or never end, and which stores nothing.
#[derive(Clone)]
struct Broken(MemoryStore, &'static str);

type Pending<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Store for Broken {
    type Get = Pending<Option<Arc<Variants>>>;
    type Put = Pending<PutOutcome>;

    fn get(&self, _: KeyRef<'_>) -> Lookup<Self::Get> {
        Lookup::Later(match self.1 {
            "hangs" | "hangs, as it may" => Box::pin(std::future::pending()),
            "hangs later" => Box::pin(async {
                tokio::time::sleep(Duration::from_millis(30)).await;
                std::future::pending().await
            }),
            error => Box::pin(async move { Err(error.into()) }),
        })
    }
    fn longest_wait(&self) -> Option<Duration> {
        match self.1 {
            "hangs later" => Some(Duration::from_millis(30)),
            // A second wait as long would take more than the layer's time.
            "hangs, as it may" => Some(Duration::from_millis(60)),
            _ => None,
        }
    }
    fn put(&self, _: Key, _: Arc<Entry>, _: FillToken) -> Self::Put {
        Box::pin(async { Err("disk full".into()) })
    }
    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.0.remove(key, which);
    }
    fn budget(&self) -> &MemoryBudget {
        self.0.budget()
    }
    fn max_body(&self) -> u64 {
        self.0.max_body_size()
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_for_a_store_that_hangs_no_longer_than_to_its_deadline() {
    let layer = CacheLayer::new(Broken(MemoryStore::new(1 << 20), "hangs"));
    let (scripted, upstream) = Scripted::answering(|_| minute("x"));
    let asked = tokio::time::Instant::now();
    let mut request = request("GET", "/", &[]);
    let deadline = Deadline(asked + Duration::from_millis(50));
    request.extensions_mut().insert(deadline);
    let late = layer.layer(scripted).oneshot(request).await.unwrap();
    assert_eq!((late.status().as_u16(), upstream.calls()), (504, 0));
    assert_eq!(asked.elapsed(), Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_costs_no_request_and_is_counted() {
    for (how, waits) in [
        ("refused", 0),
        ("hangs", 100),
        ("hangs later", 100),
        ("hangs, as it may", 100),
    ] {
        let layer = CacheLayer::new(Broken(MemoryStore::new(1 << 20), how));
        let (scripted, upstream) = Scripted::answering(|_| minute("x"));
        let cache = layer.layer(scripted);
        for n in 1..=3 {
            let asked = tokio::time::Instant::now();
            let response = cache
                .clone()
                .oneshot(request("GET", "/", &[]))
                .await
                .expect("an answer");
            assert_eq!(asked.elapsed(), Duration::from_millis(waits));
            let body = http_body_util::BodyExt::collect(response.into_body())
                .await
                .expect("a body");
            assert_eq!(body.to_bytes(), "x");
            assert_eq!(upstream.calls(), n);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(
            layer.stats().store_failures,
            6,
            "{how}: three look-ups and three puts"
        );
    }
}

/// A store whose puts never end, and report their number.
#[derive(Clone)]
struct Endless(MemoryStore, Arc<()>);

impl Store for Endless {
    type Get = Pending<Option<Arc<Variants>>>;
    type Put = Pending<PutOutcome>;

    fn get(&self, _: KeyRef<'_>) -> Lookup<Self::Get> {
        Lookup::Now(None)
    }
    fn put(&self, _: Key, _: Arc<Entry>, _: FillToken) -> Self::Put {
        let alive = Arc::clone(&self.1);
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(alive);
            Err("unreachable".into())
        })
    }
    fn remove(&self, _: KeyRef<'_>, _: Option<&Arc<Entry>>) {}
    fn budget(&self) -> &MemoryBudget {
        self.0.budget()
    }
    fn max_body(&self) -> u64 {
        self.0.max_body_size()
    }
}

#[tokio::test(start_paused = true)]
async fn puts_that_a_store_has_not_answered_end_with_the_layer() {
    let alive = Arc::new(());
    let memory = MemoryStore::new(1 << 20);
    let layer = CacheLayer::new(Endless(memory.clone(), Arc::clone(&alive)));
    let (scripted, _) = Scripted::answering(|_| minute("x"));
    let cache = layer.layer(scripted);
    let ask = async |path: &str| {
        let asked = cache.clone().oneshot(request("GET", path, &[]));
        let body = asked.await.expect("an answer").into_body();
        http_body_util::BodyExt::collect(body)
            .await
            .expect("a body");
    };
    for path in ["/a", "/b", "/c"] {
        ask(path).await;
    }
    // These are the test's own, and the one store of the layer and its services.
    let others = 2;
    assert_eq!(Arc::strong_count(&alive), others + 3);
    assert!(memory.budget().used() > 0);
    drop(cache);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&alive), others + 3, "there is the layer");
    drop(layer);
    tokio::task::yield_now().await;
    assert_eq!((Arc::strong_count(&alive), memory.budget().used()), (1, 0));
}

#[tokio::test]
async fn requests_that_only_the_store_may_answer_are_counted_where_it_cannot() {
    let rig = Rig::answering(layer(), |_| minute("x"));
    let only = [("cache-control", "only-if-cached")];
    assert_eq!(rig.get_with("/", &only).await.status, 504);
    rig.get("/").await;
    assert!(rig.get_with("/", &only).await.is_hit());
    rig.wait(61);
    assert_eq!(rig.get_with("/", &only).await.status, 504);
    let stats = rig.layer.stats();
    assert_eq!((stats.refused, stats.misses, stats.hits), (2, 1, 1));
}
