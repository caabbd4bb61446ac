//! Counts of a layer.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use scrimp_core::{Counter, FailedCalls, Timing};

/// Counts of a [`BatchLayer`](crate::BatchLayer) since it was built, and the lanes it keeps now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct BatchStats {
    /// Requests that may be batched.
    pub requests: u64,
    /// Requests passed on unchanged: the codec does not take them, or they are too large.
    pub bypassed: u64,
    /// Calls of the inner service for `requests`, whatever they carry and whatever became of them.
    pub calls: u64,
    /// Calls that [failed](scrimp_core::FailedCalls).
    pub failed: u64,
    /// Calls for batches.
    pub batches: u64,
    /// Requests in these calls, each counted once per batch.
    pub items: u64,
    /// Calls for one request, as it came: alone in its window, after its batch failed, or again. With
    /// `batches`, these are all `calls` that no inner layer refused to pay for.
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
    /// Requests that were taken out of their batch, because an inner layer refused to pay for
    /// their tenant.
    pub left_out: u64,
    /// Lanes now, of all services.
    pub lanes: u64,
}

/// Counts of a [`GroupLayer`](crate::GroupLayer) since it was built, and the lanes it keeps now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct GroupStats {
    /// Requests, counted when they get in line.
    pub requests: u64,
    /// Calls of the inner service, whatever became of them.
    pub calls: u64,
    /// Calls that ended with an error, a time-out or the wrong number of answers.
    pub failed: u64,
    /// Requests in these calls.
    pub items: u64,
    /// Requests that were not sent, because their batch had an equal one.
    pub duplicates: u64,
    /// Lanes now, of all services. The lane of a service without lanes of its own is not counted.
    pub lanes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) bypassed: Counter,
    pub(crate) calls: Counter,
    pub(crate) failed: FailedCalls,
    pub(crate) batches: Counter,
    pub(crate) items: Counter,
    pub(crate) alone: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) split: Counter,
    pub(crate) missing: Counter,
    pub(crate) retried: Counter,
    pub(crate) fell_back: Counter,
    pub(crate) ambiguous: Counter,
    pub(crate) left_out: Counter,
    pub(crate) lanes: Gauge,
    /// Times that items wait in line.
    pub(crate) queue: Timing,
    /// Items that leave their line together, without duplicates.
    pub(crate) size: Timing,
}

/// A number that all services of a layer raise and lower.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge(Arc<AtomicU64>);

// === impl Counters ===

impl Counters {
    pub(crate) fn read(&self) -> BatchStats {
        BatchStats {
            requests: self.requests.get(),
            bypassed: self.bypassed.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            batches: self.batches.get(),
            items: self.items.get(),
            alone: self.alone.get(),
            duplicates: self.duplicates.get(),
            split: self.split.get(),
            missing: self.missing.get(),
            retried: self.retried.get(),
            fell_back: self.fell_back.get(),
            ambiguous: self.ambiguous.get(),
            left_out: self.left_out.get(),
            lanes: self.lanes.get(),
        }
    }

    pub(crate) fn read_group(&self) -> GroupStats {
        GroupStats {
            requests: self.requests.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            items: self.items.get(),
            duplicates: self.duplicates.get(),
            lanes: self.lanes.get(),
        }
    }
}

// === impl Gauge ===

impl Gauge {
    pub(crate) fn raise(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn lower(&self, count: usize) {
        self.0.fetch_sub(count as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
