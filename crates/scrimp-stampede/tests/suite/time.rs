//! Effects of time: refreshes before expiry, and clocks and lifetimes at their extremes.

use crate::common;

use common::{Rig, always_early, fresh, ms, never_early, noon, numbered, reply, seconds, settle};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::Clock;
use scrimp_stampede::{RefreshAhead, StaleWhileRevalidate, StampedeLayer, XFetch};
use scrimp_testkit::{Gate, ManualClock, Scripted};
use tokio::time::advance;
use tower::Layer;

#[tokio::test(start_paused = true)]
async fn a_hit_that_draws_early_is_answered_at_once_and_refreshes_behind_the_response() {
    let gate = Gate::new();
    let layer = always_early();
    let replies = [
        fresh(60, "old", ms(500)),
        fresh(60, "new", ms(0)).gate(&gate),
    ];
    let rig = Rig::script(layer, replies);
    assert_eq!(rig.get("/").await.text(), "old");
    advance(seconds(50)).await;
    for _ in 0..100 {
        let hit = rig.get("/").await;
        assert_eq!((hit.text(), hit.waited), ("old", ms(0)));
    }
    gate.reached(1).await;
    assert_eq!(
        rig.upstream.calls(),
        2,
        "one refresh, however many draw one"
    );
    gate.open();
    settle().await;
    let hit = rig.get("/").await;
    assert_eq!(
        (hit.text(), hit.header("age"), hit.waited),
        ("new", "0", ms(0))
    );
    assert_eq!(rig.layer.stats().refreshes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_draw_that_is_not_early_lets_the_response_expire() {
    let rig = Rig::new(
        never_early(),
        numbered(|n| fresh(60, &n.to_string(), ms(500))),
    );
    rig.get("/").await;
    advance(ms(59_499)).await;
    for _ in 0..10 {
        assert_eq!(rig.get("/").await.text(), "1");
    }
    advance(seconds(1)).await;
    assert_eq!(rig.get("/").await.text(), "2");
    assert_eq!(rig.layer.stats().refreshes, 0);
}

#[tokio::test(start_paused = true)]
async fn the_measured_cost_decides_how_early() {
    // −ln U = 2 in every draw: twice the cost, and not before.
    let layer = StampedeLayer::builder().random(|| 1.0 - (-2.0_f64).exp());
    let rig = Rig::new(layer, numbered(|n| fresh(60, &n.to_string(), seconds(3))));
    rig.get("/").await;
    // The time of the call counts as age (RFC 9111 §4.2.3): 57 s are left.
    advance(ms(50_900)).await;
    rig.get("/").await;
    rig.get("/").await;
    settle().await;
    assert_eq!(rig.upstream.calls(), 1);
    advance(ms(200)).await;
    rig.get("/").await;
    settle().await;
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_cost_is_kept_with_the_entry_for_processes_that_never_saw_its_fill() {
    let (service, upstream) =
        Scripted::answering(numbered(|n| fresh(60, &n.to_string(), seconds(3))));
    let clock = Clock::anchored(noon());
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .clock(clock.clone())
        .build()
        .unwrap();
    let cached = cache.layer(service);
    let draw = || StampedeLayer::builder().random(|| 1.0 - (-2.0_f64).exp());
    let first = draw()
        .clock(clock.clone())
        .build()
        .unwrap()
        .layer(cached.clone());
    common::ask(first, common::request("/", &[]))
        .await
        .expect("an answer");
    // A process that has just started: its first look at the key is a hit.
    let second = draw().clock(clock).build().unwrap().layer(cached);
    let get = || common::ask(second.clone(), common::request("/", &[]));
    get().await.expect("an answer");
    // The time of the call counts as age (RFC 9111 §4.2.3): 57 s are left.
    advance(ms(50_900)).await;
    for _ in 0..3 {
        get().await.expect("an answer");
    }
    settle().await;
    assert_eq!(upstream.calls(), 1);
    advance(ms(200)).await;
    get().await.expect("an answer");
    settle().await;
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_delta_and_a_set_part_are_strategies_too() {
    let e = || 1.0 - (-1.0_f64).exp();
    let fixed = StampedeLayer::builder()
        .random(e)
        .strategy(XFetch::default().fixed(seconds(60)));
    let ahead = StampedeLayer::builder().strategy(RefreshAhead::new(0.2));
    for layer in [fixed, ahead] {
        // Both from 60 of 300 seconds before expiry on.
        let rig = Rig::new(layer, numbered(|n| fresh(300, &n.to_string(), ms(0))));
        rig.get("/").await;
        advance(seconds(239)).await;
        for _ in 0..5 {
            rig.get("/").await;
        }
        settle().await;
        assert_eq!(rig.upstream.calls(), 1);
        advance(seconds(1)).await;
        assert_eq!(rig.get("/").await.text(), "1");
        settle().await;
        assert_eq!(rig.get("/").await.text(), "2");
        assert_eq!(rig.upstream.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn stale_answers_are_served_for_their_window_and_no_longer() {
    let strategy = StaleWhileRevalidate::new(seconds(10));
    let layer = StampedeLayer::builder().strategy(strategy);
    let rig = Rig::new(layer, numbered(|n| fresh(60, &n.to_string(), ms(500))));
    rig.get("/").await;
    advance(seconds(65)).await;
    for _ in 0..20 {
        let stale = rig.get("/").await;
        assert_eq!((stale.text(), stale.waited), ("1", ms(0)));
    }
    assert!(rig.layer.stats().stale >= 1);
    settle().await;
    advance(seconds(1)).await;
    settle().await;
    assert_eq!((rig.get("/").await.text(), rig.upstream.calls()), ("2", 2));
    advance(seconds(71)).await;
    let late = rig.get("/").await;
    assert_eq!((late.text(), late.waited), ("3", ms(500)));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_forbids_stale_serving_is_not_served_stale() {
    let strategy = StaleWhileRevalidate::new(seconds(10));
    let layer = StampedeLayer::builder().strategy(strategy);
    let rig = Rig::new(
        layer,
        numbered(|n| {
            let fields = [("cache-control", "max-age=60, must-revalidate")];
            reply(200, &fields, &n.to_string()).delay(ms(500))
        }),
    );
    rig.get("/").await;
    for expiry in 2..=4 {
        advance(seconds(61)).await;
        let answers = common::all(rig.calls("/", 50)).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.text() == expiry.to_string())
        );
        assert_eq!(rig.upstream.calls(), expiry, "one call, waited for by all");
    }
}

#[tokio::test(start_paused = true)]
async fn the_stale_window_does_not_move_with_use() {
    let strategy = StaleWhileRevalidate::new(seconds(10));
    let layer = StampedeLayer::builder().strategy(strategy).max_refreshes(0);
    let rig = Rig::new(layer, numbered(|n| fresh(60, &n.to_string(), ms(500))));
    rig.get("/").await;
    advance(ms(60_400)).await;
    for _ in 0..9 {
        assert_eq!(rig.get("/").await.waited, ms(0));
        advance(seconds(1)).await;
    }
    advance(seconds(1)).await;
    let late = rig.get("/").await;
    assert_eq!((late.text(), late.waited), ("2", ms(500)));
    // Once filled, the next expiry has its window again.
    advance(seconds(61)).await;
    assert_eq!(rig.get("/").await.waited, ms(0));
}

#[tokio::test(start_paused = true)]
async fn a_short_lifetime_is_not_refreshed_all_the_time() {
    // Without the limit, the gap would be seven times the lifetime's fifth: refreshing without
    // pause.
    let layer = StampedeLayer::builder().random(seeded(7));
    let rig = Rig::new(layer, numbered(|n| fresh(5, &n.to_string(), seconds(1))));
    rig.get("/").await;
    for _ in 0..30_000 {
        assert_eq!(rig.get("/").await.waited, ms(0));
        advance(ms(1)).await;
    }
    // From one arrival to the next: 1.5 s until half the lifetime is over (a response is 1 s old
    // when it comes), and 1 s for the refresh.
    let calls = rig.upstream.calls();
    assert!((12..=13).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_changes_nothing() {
    let clock = ManualClock::new(noon());
    let (service, upstream) = Scripted::answering(numbered(|n| fresh(60, &n.to_string(), ms(0))));
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .clock(clock.clock())
        .build()
        .unwrap();
    let layer = always_early().clock(clock.clock()).build().unwrap();
    let service = layer.layer(cache.layer(service));
    let get = async || {
        let answer = common::ask(service.clone(), common::request("/", &[])).await;
        settle().await;
        answer.expect("an answer").body
    };
    assert_eq!(get().await, "1");
    for jump in [noon() + seconds(1 << 30), noon() - seconds(1 << 30), noon()] {
        clock.set_wall(jump);
        assert_eq!(get().await, "1");
    }
    assert_eq!((upstream.calls(), layer.stats().refreshes), (1, 0));
    // A machine that slept wakes to an expired response, and goes on.
    clock.advance_instant(seconds(1 << 30));
    assert_eq!(get().await, "2");
    assert_eq!(get().await, "2");
}

#[tokio::test(start_paused = true)]
async fn zero_and_infinite_lifetimes_both_hold() {
    let (service, upstream) = Scripted::answering(|_| fresh(0, "x", ms(5)));
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20))
        .rule("path=/nothing ttl=0s")
        .rule("path=/for-ever ttl=infinite")
        .build()
        .unwrap();
    let layer = always_early().build().unwrap();
    let service = layer.layer(cache.layer(service));
    let get = async |uri: &'static str| {
        let answer = common::ask(service.clone(), common::request(uri, &[])).await;
        answer.expect("an answer");
        settle().await;
    };
    for _ in 0..5 {
        get("/nothing").await;
    }
    assert_eq!(upstream.calls(), 5);
    get("/for-ever").await;
    for _ in 0..5 {
        advance(seconds(100 * 365 * 86_400)).await;
        get("/for-ever").await;
    }
    assert_eq!((upstream.calls(), layer.stats().refreshes), (6, 0));
}

/// Returns a source of draws that repeat in every run.
fn seeded(seed: u64) -> impl Fn() -> f64 + Send + Sync {
    let random = parking_lot::Mutex::new(fastrand::Rng::with_seed(seed));
    move || random.lock().f64()
}
