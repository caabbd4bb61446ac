//! Policies that place responses in tiers.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use scrimp_cache::{
    FrequencyTiers, MemoryStore, Placement, SavingPerByte, TierCandidate, TierPolicy, Tiered,
};
use scrimp_core::KeyRef;
use tokio::time::{Instant, advance};

use crate::rig::{Remote, Rig, two};

#[tokio::test(start_paused = true)]
async fn the_presets_numbers_place_hot_warm_and_cold_responses() {
    let (second, third) = (Remote::new(), Remote::new());
    let tiers = FrequencyTiers::new();
    let lower = Tiered::builder(second.clone(), third.clone()).policy(tiers.below());
    let lower = lower.build().expect("settings");
    let first = MemoryStore::new(100 << 20);
    let store = Tiered::builder(first.clone(), lower)
        .policy(tiers)
        .build()
        .expect("settings");
    let rig = Rig::new(store);
    let held = || {
        let held = |store: &MemoryStore| store.stats().entries;
        (held(&first), held(&second.inner), held(&third.inner))
    };
    rig.get("/cold").await;
    assert_eq!(held(), (0, 0, 1));
    // 20 requests a second promote it to the second tier, and 200 to the first.
    for _ in 0..100 {
        advance(Duration::from_millis(50)).await;
        rig.get("/cold").await;
    }
    assert_eq!(held(), (0, 1, 1));
    for _ in 0..1000 {
        advance(Duration::from_millis(5)).await;
        rig.get("/cold").await;
    }
    assert_eq!(held(), (1, 1, 1));
    let asked = second.state.gets.load(SeqCst);
    assert!(rig.get("/cold").await);
    assert_eq!(second.state.gets.load(SeqCst), asked);
    // Without requests for a while, it is cold again.
    advance(Duration::from_secs(61)).await;
    assert!(rig.get("/cold").await);
    assert!(rig.get("/cold").await);
    assert_eq!(second.state.gets.load(SeqCst), asked + 2);
    assert_eq!(rig.upstream.calls(), 1);
}

/// The default policy, as if the upper tier were full and the lower one took this long.
#[derive(Debug)]
struct Pressed(SavingPerByte, Duration);

impl TierPolicy for Pressed {
    fn count(&self, key: KeyRef<'_>, now: Instant) {
        self.0.count(key, now);
    }

    fn place(&self, candidate: &TierCandidate<'_>) -> Placement {
        let mut candidate = *candidate;
        candidate.upper_full = true;
        candidate.lower_time = self.1;
        self.0.place(&candidate)
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_upper_tier_takes_what_saves_as_much_per_byte_as_what_it_has() {
    let policy = SavingPerByte::new(Duration::from_secs(1), Duration::from_secs(600));
    let (rig, _remote) = two(Pressed(policy, Duration::from_millis(1)));
    // Its time above is over each second, and it is promoted again at its present rate.
    for _ in 0..2000 {
        rig.get("/hot").await;
        advance(Duration::from_millis(9)).await;
    }
    let hot = rig.store.upper().stats().entries;
    rig.get("/once").await;
    assert_eq!((hot, rig.store.upper().stats().entries), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_upstream_makes_faster_than_the_lower_tier_finds_it_is_not_written_there() {
    let policy = |time| Pressed(SavingPerByte::default(), time);
    let (rig, remote) = two(policy(Duration::from_millis(5)));
    rig.get("/a").await;
    assert_eq!(remote.state.puts.load(SeqCst), 0);
    let (rig, remote) = two(policy(Duration::ZERO));
    rig.get("/a").await;
    assert_eq!(remote.state.puts.load(SeqCst), 1);
}
