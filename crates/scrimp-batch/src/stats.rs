//! What a layer has done.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a [`BatchLayer`](crate::BatchLayer) has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BatchStats {
    /// Calls that were made for batches.
    pub batches: u64,
    /// Requests that went out in them, each one counted once per batch.
    pub items: u64,
    /// Requests that went alone, as they were.
    pub alone: u64,
    /// Requests that were spared as another of their batch was the same.
    pub duplicates: u64,
    /// Batches that were refused and tried again in halves.
    pub split: u64,
    /// Items that were left out of an answer.
    pub missing: u64,
    /// Attempts to get a better answer for one item.
    pub retried: u64,
    /// Items that were sent alone after their batch took too long.
    pub fell_back: u64,
    /// Items of which it is unknown whether they were carried out.
    pub ambiguous: u64,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

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

// === impl Counter ===

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
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
