//! The counters of a layer.

use scrimp_core::Counter;

/// Counters that all services of a layer share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls: Counter,
    pub(crate) joined: Counter,
    pub(crate) reused: Counter,
    pub(crate) passed: Counter,
    pub(crate) barred: Counter,
    pub(crate) released: Counter,
    pub(crate) retried: Counter,
    pub(crate) errors_shared: Counter,
    pub(crate) refused: Counter,
    pub(crate) overflowed: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) cut_off: Counter,
    pub(crate) finished: Counter,
}

/// Counters of a layer since it was made, and its current state.
///
/// Each request adds to one of `calls`, `joined`, `reused`, `passed`, `barred`, `released`,
/// `retried`, `overflowed` and `refused`, according to its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CoalesceStats {
    /// Upstream calls made for requests that others could join.
    pub calls: u64,
    /// Requests answered by another request's call. Errors count too.
    pub joined: u64,
    /// Requests answered from the [window](crate::ReuseWindow), without any call.
    pub reused: u64,
    /// Requests passed on unchanged: unsafe methods, bodies, upgrades.
    pub passed: u64,
    /// Requests passed on because an earlier response to their key was not shareable.
    pub barred: u64,
    /// Requests that waited for an unshareable response, and were then sent on their own.
    pub released: u64,
    /// Calls made by a waiter after the call it waited for had failed or panicked.
    pub retried: u64,
    /// Waiters that got a call's error.
    pub errors_shared: u64,
    /// Requests answered 502 or 503 by the layer itself.
    pub refused: u64,
    /// Requests sent on their own because a limit was reached.
    pub overflowed: u64,
    /// Waiters that reached the time limit.
    pub timed_out: u64,
    /// Readers that fell too far behind.
    pub cut_off: u64,
    /// Calls finished in the background after all callers had left.
    pub finished: u64,
    /// Keys in flight now.
    pub in_flight: u64,
    /// Keys remembered now because their responses are not shareable.
    pub remembered: u64,
    /// Responses in the window now.
    pub window_entries: u64,
    /// Memory of the responses in the window now, in bytes.
    pub window_bytes: u64,
    /// Bytes held now of bodies in flight.
    pub held_bytes: u64,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn read(&self) -> CoalesceStats {
        CoalesceStats {
            calls: self.calls.get(),
            joined: self.joined.get(),
            reused: self.reused.get(),
            passed: self.passed.get(),
            barred: self.barred.get(),
            released: self.released.get(),
            retried: self.retried.get(),
            errors_shared: self.errors_shared.get(),
            refused: self.refused.get(),
            overflowed: self.overflowed.get(),
            timed_out: self.timed_out.get(),
            cut_off: self.cut_off.get(),
            finished: self.finished.get(),
            ..CoalesceStats::default()
        }
    }
}
