//! Older responses below newer ones, and responses that only some tiers take.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use scrimp_cache::{MemoryStore, Placement, TierCandidate, TierPolicy, Tiered};
use tokio::time::{Instant, advance};

use crate::rig::{MEMORY, Remote, Rig, fixed, two};

/// Returns tiers whose upper one keeps responses for 5 seconds, and that let one write wait.
fn short(remote: &Remote) -> Rig<Tiered<MemoryStore, Remote>> {
    let tiers = Tiered::builder(MemoryStore::new(MEMORY), remote.clone())
        .policy(fixed(Some(5), Some(600)))
        .max_writes(1);
    Rig::with(tiers.build().expect("settings"), "max-age=10")
}

#[tokio::test(start_paused = true)]
async fn an_older_response_below_does_not_replace_a_newer_one_whose_time_above_is_over() {
    let remote = Remote::new();
    let rig = short(&remote);
    rig.get("/a").await;
    advance(Duration::from_secs(11)).await;
    remote.state.keeps.store(true, SeqCst);
    remote.state.fails.store(true, SeqCst);
    assert!(!rig.get("/a").await);
    remote.state.fails.store(false, SeqCst);
    advance(Duration::from_secs(6)).await;
    assert!(rig.get("/a").await);
    let stats = rig.store.tiers();
    assert_eq!(
        (stats.lower, stats.demoted, rig.upstream.calls()),
        (0, 1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_or_is_dropped_removes_the_older_response_below() {
    for fails in [true, false] {
        let remote = Remote::new();
        let rig = short(&remote);
        rig.get("/a").await;
        assert_eq!(remote.inner.stats().entries, 1);
        advance(Duration::from_secs(11)).await;
        match fails {
            true => remote.state.fails.store(true, SeqCst),
            false => {
                remote.delay(Duration::from_secs(2));
                // Its write takes the only place.
                rig.get("/b").await;
            }
        }
        rig.get("/a").await;
        assert_eq!(rig.store.tiers().dropped, u64::from(!fails));
        assert_eq!(remote.inner.stats().entries, 0, "fails: {fails}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_for_the_upper_tier_is_in_the_lower_one_only() {
    let upper = MemoryStore::builder(MEMORY).max_body(4).build();
    let remote = Remote::new();
    let tiers = Tiered::builder(upper.expect("settings"), remote.clone());
    let tiers = tiers.policy(fixed(Some(60), Some(600))).build();
    let rig = Rig::new(tiers.expect("settings"));
    rig.get("/longer").await;
    assert!(rig.get("/longer").await);
    let held = (
        rig.store.upper().stats().entries,
        remote.inner.stats().entries,
    );
    assert_eq!(held, (0, 1));
    assert_eq!(rig.store.tiers().promoted, 0);
}

/// Keeps responses out of the upper tier that were requested before a time.
#[derive(Debug)]
struct After(Instant);

impl TierPolicy for After {
    fn place(&self, candidate: &TierCandidate<'_>) -> Placement {
        let takes = candidate.entry.sent() >= self.0;
        Placement {
            upper: takes.then_some(Duration::from_secs(60)),
            lower: Some(Duration::from_secs(600)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_promoted_is_hidden_by_no_other_under_its_key() {
    let (rig, _remote) = two(After(Instant::now() + Duration::from_secs(1)));
    rig.get_in("/a", "en").await;
    advance(Duration::from_secs(2)).await;
    rig.get_in("/a", "de").await;
    advance(Duration::from_secs(61)).await;
    for language in ["de", "en", "de"] {
        assert!(rig.get_in("/a", language).await, "{language}");
    }
    assert_eq!(rig.upstream.calls(), 2);
}
