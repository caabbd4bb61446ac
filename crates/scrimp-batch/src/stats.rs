//! Counts of a layer.

use scrimp_core::Counter;

/// Counts of a [`BatchLayer`](crate::BatchLayer) since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct BatchStats {
    /// Calls for batches.
    pub batches: u64,
    /// Requests in these calls, each counted once per batch.
    pub items: u64,
    /// Requests that were sent alone, as they came.
    pub alone: u64,
    /// Requests that were not sent, because their batch had an equal one.
    pub duplicates: u64,
    /// Batches that were refused and sent again in halves.
    pub split: u64,
    /// Items without an answer in the answer to their batch.
    pub missing: u64,
    /// Retries of one item after a transient failure.
    pub retried: u64,
    /// Items that were sent alone after their batch timed out.
    pub fell_back: u64,
    /// Items that may have been carried out, and were not sent again.
    pub ambiguous: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: Counter,
    pub(crate) items: Counter,
    pub(crate) alone: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) split: Counter,
    pub(crate) missing: Counter,
    pub(crate) retried: Counter,
    pub(crate) fell_back: Counter,
    pub(crate) ambiguous: Counter,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn read(&self) -> BatchStats {
        BatchStats {
            batches: self.batches.get(),
            items: self.items.get(),
            alone: self.alone.get(),
            duplicates: self.duplicates.get(),
            split: self.split.get(),
            missing: self.missing.get(),
            retried: self.retried.get(),
            fell_back: self.fell_back.get(),
            ambiguous: self.ambiguous.get(),
        }
    }
}
