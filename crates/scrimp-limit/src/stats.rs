//! Counters of a layer.

use scrimp_core::{Counter, FailedCalls, Timing};

/// Counters that all services of a layer share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) calls: Counter,
    pub(crate) failed: FailedCalls,
    pub(crate) waited: Counter,
    pub(crate) refused: Counter,
    /// Times of waiting.
    pub(crate) wait: Timing,
}

/// Counters of a layer since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LimitStats {
    /// Requests.
    pub requests: u64,
    /// Calls of the inner service, whatever became of them.
    pub calls: u64,
    /// Calls that [failed](scrimp_core::FailedCalls).
    pub failed: u64,
    /// Requests that waited for their turn.
    pub waited: u64,
    /// Requests that were refused, at once or after a wait.
    pub refused: u64,
    /// Requests that wait at present, those of other layers included.
    pub waiting: u64,
    /// Keys that are known at present.
    pub entries: u64,
}

// === impl Counters ===

impl Counters {
    /// Reads the counters. `present` are the requests that wait and the known keys.
    pub(crate) fn read(&self, present: (usize, usize)) -> LimitStats {
        LimitStats {
            requests: self.requests.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            waited: self.waited.get(),
            refused: self.refused.get(),
            waiting: present.0 as u64,
            entries: present.1 as u64,
        }
    }
}
