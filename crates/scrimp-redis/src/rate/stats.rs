//! The counts of shared rate limits.

use scrimp_core::{Counter, NotTaken};

#[derive(Default)]
pub(super) struct Counts {
    pub(super) taken: Counter,
    pub(super) refused: Counter,
    pub(super) unshared: Counter,
    pub(super) calls: Counter,
    pub(super) failed: Counter,
}

/// Counts of a [`RedisRate`](crate::RedisRate) since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RedisRateStats {
    /// Weights that were taken.
    pub taken: u64,
    /// Weights that would not have been there in time.
    pub refused: u64,
    /// Weights that this process had to decide about on its own.
    pub unshared: u64,
    /// Messages to Redis, whatever became of them.
    pub calls: u64,
    /// Messages to Redis that were not answered.
    pub failed: u64,
    /// Limits that are known at present.
    pub entries: u64,
}

// === impl Counts ===

impl Counts {
    pub(super) fn count(&self, reason: NotTaken) {
        match reason {
            NotTaken::Late(_) => self.refused.increment(),
            _ => self.unshared.increment(),
        }
    }

    pub(super) fn read(&self, entries: usize) -> RedisRateStats {
        RedisRateStats {
            taken: self.taken.get(),
            refused: self.refused.get(),
            unshared: self.unshared.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            entries: entries as u64,
        }
    }
}
