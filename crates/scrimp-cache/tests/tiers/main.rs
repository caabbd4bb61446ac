//! Stores of two and three tiers.

#[cfg(feature = "codec")]
mod fleet;
mod older;
mod policies;
mod rig;

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use scrimp_cache::{Invalidation, MemoryStore, Tiered};
use tokio::time::{Instant, advance, sleep};

use crate::rig::{MEMORY, Remote, Rig, fixed, two};

#[tokio::test(start_paused = true)]
async fn a_response_is_written_to_both_tiers_and_the_upper_one_answers() {
    let (rig, remote) = two(fixed(Some(60), Some(600)));
    assert!(!rig.get("/a").await);
    assert!(rig.get("/a").await);
    assert_eq!(remote.state.gets.load(SeqCst), 1);
    assert_eq!(remote.inner.stats().entries, 1);
    let stats = rig.store.tiers();
    assert_eq!((stats.upper, stats.lower, stats.missing), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn each_tier_has_its_own_duration_and_what_is_below_is_promoted_again() {
    let (rig, remote) = two(fixed(Some(60), Some(600)));
    rig.get("/a").await;
    advance(Duration::from_secs(61)).await;
    assert!(rig.get("/a").await);
    assert!(rig.get("/a").await);
    assert_eq!(remote.state.gets.load(SeqCst), 2);
    let stats = rig.store.tiers();
    assert_eq!((stats.lower, stats.promoted, stats.upper), (1, 1, 1));
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_lower_tier_has_lost_is_demoted_when_its_time_above_is_over() {
    let (rig, remote) = two(fixed(Some(60), Some(600)));
    rig.get("/a").await;
    advance(Duration::from_secs(61)).await;
    // As a server that starts again with nothing stored.
    remote.state.lost.store(true, SeqCst);
    assert!(rig.get("/a").await);
    assert_eq!(rig.store.tiers().demoted, 1);
    // It is in both tiers again.
    assert!(rig.get("/a").await);
    advance(Duration::from_secs(61)).await;
    assert!(rig.get("/a").await);
    let stats = rig.store.tiers();
    assert_eq!((stats.demoted, stats.lower), (1, 1));
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lower_tier_that_fails_costs_hits_and_no_request() {
    let (rig, remote) = two(fixed(Some(60), Some(600)));
    remote.state.fails.store(true, SeqCst);
    assert!(!rig.get("/a").await);
    assert!(rig.get("/a").await);
    advance(Duration::from_secs(61)).await;
    // Its time is over, and nothing better can be found.
    assert!(rig.get("/a").await);
    assert!(rig.store.tiers().failed >= 2);
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_lower_tier_is_waited_for_no_longer_than_the_limits() {
    let (rig, remote) = two(fixed(Some(60), Some(600)));
    remote.delay(Duration::from_secs(5));
    let start = Instant::now();
    assert!(!rig.get("/a").await);
    let waited = start.elapsed();
    assert!((50..52).contains(&waited.as_millis()), "{waited:?}");
    advance(Duration::from_secs(61)).await;
    remote.delay(Duration::from_millis(30));
    let start = Instant::now();
    assert!(rig.get("/a").await);
    let waited = start.elapsed();
    assert!((10..12).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(rig.store.tiers().timed_out, 2);
    // The look-up went on, and its result is in the upper tier now.
    advance(Duration::from_millis(40)).await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.store.tiers().promoted, 1);
}

#[tokio::test(start_paused = true)]
async fn three_tiers_share_one_limit() {
    let (second, third) = (Remote::new(), Remote::new());
    let lower = Tiered::builder(second.clone(), third.clone())
        .build()
        .expect("settings");
    let tiers = Tiered::builder(MemoryStore::new(MEMORY), lower)
        .build()
        .expect("settings");
    let rig = Rig::new(tiers);
    second.delay(Duration::from_millis(30));
    third.delay(Duration::from_millis(30));
    let start = Instant::now();
    assert!(!rig.get("/a").await);
    let waited = start.elapsed();
    assert!((50..52).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn writes_beyond_the_limit_are_dropped_and_counted_and_block_no_request() {
    let remote = Remote::new();
    let tiers = Tiered::builder(MemoryStore::new(MEMORY), remote.clone())
        .policy(fixed(Some(60), Some(600)))
        .max_writes(4);
    let rig = Rig::new(tiers.build().expect("settings"));
    remote.delay(Duration::from_secs(2));
    let start = Instant::now();
    let requests = (0..400).map(|number| {
        let rig = &rig;
        async move { rig.get(&format!("/{number}")).await }
    });
    futures_util::future::join_all(requests).await;
    assert!(
        start.elapsed() < Duration::from_millis(60),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(rig.store.tiers().dropped, 396);
    assert_eq!(remote.state.puts.load(SeqCst), 4);
    for number in 0..400 {
        assert!(rig.get(&format!("/{number}")).await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_invalidated_is_used_from_no_tier() {
    let (rig, _remote) = two(fixed(Some(60), Some(600)));
    rig.get("/a").await;
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::everything());
    assert!(!rig.get("/a").await);
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::everything());
    advance(Duration::from_secs(61)).await;
    assert!(!rig.get("/a").await);
    assert_eq!(rig.upstream.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_below_does_not_replace_one_that_is_to_be_validated() {
    let remote = Remote::new();
    let tiers = Tiered::builder(MemoryStore::new(MEMORY), remote.clone());
    let tiers = tiers
        .policy(fixed(Some(6000), Some(6000)))
        .build()
        .expect("settings");
    let rig = Rig::with(tiers, "max-age=10");
    rig.get("/a").await;
    advance(Duration::from_secs(11)).await;
    rig.get("/a").await;
    let stats = rig.store.tiers();
    assert_eq!((stats.lower, stats.promoted), (0, 0));
}

#[test]
fn a_soft_time_out_above_the_hard_one_is_an_error() {
    let tiers = Tiered::builder(MemoryStore::new(MEMORY), MemoryStore::new(MEMORY));
    let error = tiers
        .soft_timeout(Duration::from_secs(1))
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Tiered: `soft_timeout` must be at most 50ms, not 1s"
    );
}
