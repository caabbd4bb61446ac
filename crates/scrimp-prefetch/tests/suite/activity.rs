//! Responses made for users before they come.

use crate::rig;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, request::Parts};
use http_body_util::Full;
use rig::{page, pass, seconds};
use scrimp_cache::{Cache, CacheLayer, MemoryStore};
use scrimp_core::Clock;
use scrimp_prefetch::{Precompute, PrecomputeBuilder};
use scrimp_testkit::{Gate, Reply, Scripted, Upstream};
use tower::{Layer, ServiceExt};

const HOUR: Duration = seconds(3_600);

/// Pre-computation over a cache over a scripted upstream, from a Thursday at midnight on.
struct Feeds {
    precompute: Precompute,
    cache: Cache<Scripted>,
    upstream: Upstream,
}

impl Feeds {
    fn new(
        change: impl FnOnce(PrecomputeBuilder) -> PrecomputeBuilder,
        answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (scripted, upstream) = Scripted::answering(answer);
        let cache = CacheLayer::new(MemoryStore::new(16 << 20)).layer(scripted);
        let builder = Precompute::builder(cache.clone(), |user: &str| {
            Request::get(format!("http://social.test/feeds/{user}"))
                .body(Full::<Bytes>::default())
                .ok()
        });
        let builder = change(builder.price("0.01").clock(Clock::anchored(UNIX_EPOCH)));
        Self {
            precompute: builder.build().unwrap(),
            cache,
            upstream,
        }
    }

    /// Lets users come at eight, for some days, and ends at midnight.
    async fn days(&self, days: u32, users: &[&str]) {
        for _ in 0..days {
            pass(HOUR * 8 + seconds(1_200)).await;
            for user in users {
                self.precompute.seen(user);
            }
            pass(HOUR * 15 + seconds(2_400)).await;
        }
    }

    async fn look(&self, user: &str) {
        self.precompute.seen(user);
        let request = Request::get(format!("http://social.test/feeds/{user}"));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        self.cache.clone().oneshot(request).await.unwrap();
        pass(Duration::from_millis(1)).await;
    }
}

fn quick(parts: &Parts) -> Reply {
    Reply::respond(page(parts))
}

#[tokio::test(start_paused = true)]
async fn who_comes_at_eight_each_day_does_not_wait_at_eight() {
    let feeds = Feeds::new(|builder| builder, quick);
    feeds.days(28, &["ann"]).await;
    let before = feeds.precompute.stats();
    let calls = feeds.upstream.calls();
    pass(HOUR * 8 + seconds(60)).await;
    assert_eq!(feeds.upstream.calls(), calls + 1, "{before:?}");
    feeds.look("ann").await;
    assert_eq!(feeds.upstream.calls(), calls + 1, "it was there");
    let stats = feeds.precompute.stats();
    assert_eq!(stats.useful, before.useful + 1, "{stats:?}");
    assert_eq!(stats.users, 1);
    // At no other hour is anything made.
    pass(HOUR * 15).await;
    assert_eq!(feeds.upstream.calls(), calls + 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_for_a_user_who_stays_away_or_comes_too_late_is_wasted_at_its_price() {
    let feeds = Feeds::new(|builder| builder.keep(seconds(60)), quick);
    feeds.days(28, &["ann"]).await;
    let before = feeds.precompute.stats();
    pass(HOUR * 8 + seconds(120)).await;
    feeds.look("ann").await;
    let stats = feeds.precompute.stats();
    assert_eq!(
        (stats.wasted, stats.useful),
        (before.wasted + 1, before.useful)
    );
    assert_eq!(stats.spent.pico() - before.spent.pico(), 10_000_000_000);
    pass(HOUR * 25).await;
    let after = feeds.precompute.stats();
    assert_eq!(after.wasted, stats.wasted + 1, "the day after: {after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_hour_costs_no_more_than_its_budget() {
    let names: Vec<_> = (0..10).map(|user| format!("user-{user}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let feeds = Feeds::new(|builder| builder.budget_per_hour("0.03"), quick);
    feeds.days(28, &names).await;
    let (before, calls) = (feeds.precompute.stats(), feeds.upstream.calls());
    pass(HOUR * 9).await;
    let stats = feeds.precompute.stats();
    assert_eq!(feeds.upstream.calls() - calls, 3);
    assert_eq!(stats.over_budget - before.over_budget, 7, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn few_calls_are_in_flight_and_one_for_each_user() {
    let gate = Gate::new();
    let held = gate.clone();
    let names: Vec<_> = (0..10).map(|user| format!("user-{user}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let limits = |builder: PrecomputeBuilder| builder.max_fetches(3).fetch_timeout(HOUR);
    let feeds = Feeds::new(limits, move |parts| quick(parts).gate(&held));
    feeds.days(28, &names).await;
    // The first calls still hang.
    pass(HOUR * 8 + seconds(60)).await;
    assert_eq!(feeds.upstream.in_flight(), 3);
    assert_eq!(feeds.precompute.stats().in_flight, 3);
    let late = feeds.precompute.stats().late;
    names.iter().for_each(|user| feeds.precompute.seen(user));
    pass(seconds(1)).await;
    gate.open();
    pass(seconds(1)).await;
    let stats = feeds.precompute.stats();
    assert_eq!((stats.late - late, stats.in_flight), (3, 0), "{stats:?}");
    assert_eq!(
        feeds.upstream.in_flight(),
        0,
        "the others are there already"
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_or_declines_costs_its_own_user_only() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (scripted, upstream) = Scripted::answering(quick);
    let cache = CacheLayer::new(MemoryStore::new(1 << 20)).layer(scripted);
    let precompute = Precompute::builder(cache, move |user: &str| {
        counted.fetch_add(1, Relaxed);
        assert_ne!(user, "ann", "a fault of the application");
        let request =
            Request::get(format!("http://social.test/{user}")).body(Full::<Bytes>::default());
        request.ok().filter(|_| user != "bob")
    });
    let precompute = precompute.clock(Clock::anchored(UNIX_EPOCH));
    let feeds = Feeds {
        precompute: precompute.build().unwrap(),
        ..Feeds::new(|builder| builder, quick)
    };
    feeds.days(28, &["ann", "bob", "eve"]).await;
    let before = (calls.load(Relaxed), upstream.calls());
    pass(HOUR * 9).await;
    let after = (calls.load(Relaxed), upstream.calls());
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn with_the_last_handle_all_calls_end() {
    let feeds = Feeds::new(
        |builder| builder.fetch_timeout(HOUR),
        |parts| quick(parts).delay(HOUR),
    );
    feeds.days(28, &["ann"]).await;
    pass(HOUR * 8 + seconds(1)).await;
    let upstream = feeds.upstream.clone();
    assert_eq!(upstream.in_flight(), 1);
    let abandoned = upstream.abandoned();
    drop(feeds);
    pass(seconds(1)).await;
    assert_eq!(
        (upstream.in_flight(), upstream.abandoned()),
        (0, abandoned + 1)
    );
}

#[tokio::test(start_paused = true)]
async fn for_a_user_who_was_forgotten_nothing_is_made() {
    let feeds = Feeds::new(|builder| builder, quick);
    feeds.days(28, &["ann", "bob"]).await;
    let calls = feeds.upstream.calls();
    assert!(feeds.precompute.forget("ann").await);
    assert_eq!(feeds.precompute.stats().users, 1);
    assert!(!feeds.precompute.forget("ann").await, "it is gone");
    pass(HOUR * 9).await;
    let requests = feeds.upstream.requests();
    let paths: Vec<_> = requests[calls..].iter().map(|it| it.uri.path()).collect();
    assert_eq!(paths, ["/feeds/bob"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_for_a_user_who_was_forgotten_meanwhile_is_wasted_once() {
    for is_there in [false, true] {
        let gate = Gate::new();
        let held = gate.clone();
        let feeds = Feeds::new(
            |builder| builder.fetch_timeout(HOUR),
            move |parts| quick(parts).gate(&held),
        );
        feeds.days(28, &["ann"]).await;
        let before = feeds.precompute.stats();
        pass(HOUR * 8 + seconds(60)).await;
        if is_there {
            gate.open();
            pass(seconds(1)).await;
        }
        assert!(feeds.precompute.forget("ann").await);
        gate.open();
        pass(HOUR * 2).await;
        feeds.look("ann").await;
        let stats = feeds.precompute.stats();
        assert_eq!(stats.wasted, before.wasted + 1, "{stats:?}");
        assert_eq!((stats.useful, stats.late), (before.useful, before.late));
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_is_forgotten_before_the_first_visit_too() {
    let feeds = Feeds::new(|builder| builder, quick);
    assert!(!feeds.precompute.forget("ann").await);
}

#[test]
fn the_first_invalid_setting_is_named() {
    let (scripted, _) = Scripted::answering(quick);
    let builder = || Precompute::builder(scripted.clone(), |_| None::<Request<Full<Bytes>>>);
    for (builder, setting) in [
        (builder().threshold(1.1), "threshold"),
        (builder().peak(7..=24, 0.8), "peak"),
        (builder().peak(7..=9, -0.1), "peak"),
        (builder().keep(Duration::ZERO), "keep"),
        (builder().fetch_timeout(Duration::ZERO), "fetch_timeout"),
        (builder().max_fetches(0), "max_fetches"),
        (builder().max_events(0), "max_events"),
        (builder().max_users(0), "max_users"),
        (builder().utc_offset(900), "utc_offset"),
        (builder().budget_per_hour("1"), "price"),
        (builder().price("0.01").budget_per_hour("1 EUR"), "price"),
    ] {
        let error = builder.build().expect_err("an invalid setting");
        assert_eq!(error.setting(), setting);
    }
}
