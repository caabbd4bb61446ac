//! The counts of a tiered store.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use scrimp_core::{Counter, share_of};

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) upper: Counter,
    pub(super) lower: Counter,
    pub(super) missing: Counter,
    pub(super) promoted: Counter,
    pub(super) demoted: Counter,
    pub(super) dropped: Counter,
    pub(super) failed: Counter,
    pub(super) timed_out: Counter,
    pub(super) compared: Counter,
    stale_reads: Counter,
    stale_ms: AtomicU64,
}

/// Counts of a [`Tiered`](crate::Tiered) store since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TierStats {
    /// Look-ups that the upper tier answered.
    pub upper: u64,
    /// Look-ups that the lower tier answered.
    pub lower: u64,
    /// Look-ups that neither answered.
    pub missing: u64,
    /// Responses put into the upper tier because they were found in the lower one.
    pub promoted: u64,
    /// Responses put into the lower tier because their time in the upper one was over.
    pub demoted: u64,
    /// Writes to the lower tier that were left out because too many others were waiting.
    pub dropped: u64,
    /// Look-ups and writes that failed in either tier.
    pub failed: u64,
    /// Look-ups whose wait for the lower tier reached its limit.
    pub timed_out: u64,
    /// Answers of the upper tier that were compared with the lower one, as
    /// [`monitor`](crate::TieredBuilder::monitor) says.
    pub compared: u64,
    /// Of these, the answers that were outdated by another response below.
    pub stale_reads: u64,
    /// Highest age of a stale read, in milliseconds: the time since the upstream call of the response
    /// that it should have been.
    pub stale_ms: u64,
}

// === impl TierStats ===

impl TierStats {
    /// Returns the share of look-ups that either tier answered, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        let found = self.upper + self.lower;
        share_of(found, found + self.missing)
    }

    /// Returns the share of look-ups that the upper tier answered, from 0 to 1.
    #[must_use]
    pub fn upper_hit_rate(&self) -> f64 {
        share_of(self.upper, self.upper + self.lower + self.missing)
    }
}

// === impl Counts ===

impl Counts {
    pub(super) fn read(&self) -> TierStats {
        TierStats {
            upper: self.upper.get(),
            lower: self.lower.get(),
            missing: self.missing.get(),
            promoted: self.promoted.get(),
            demoted: self.demoted.get(),
            dropped: self.dropped.get(),
            failed: self.failed.get(),
            timed_out: self.timed_out.get(),
            compared: self.compared.get(),
            stale_reads: self.stale_reads.get(),
            stale_ms: self.stale_ms.load(Relaxed),
        }
    }

    /// Counts a stale read.
    pub(super) fn stale(&self, age: Duration) {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.stale_reads.increment();
        self.stale_ms.fetch_max(age, Relaxed);
    }
}
