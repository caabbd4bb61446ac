//! The state that the services of a layer share, and its counters.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod flight;
pub(crate) mod recent;
pub(crate) mod resume;
pub(crate) mod whole;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use http::Request;
use scrimp_core::{Counter, FailedCalls, Tasks, extensions::Since, share_of};
use scrimp_flight::{
    MemoryBudget,
    single_flight::{Flight, FlightTable},
};

use crate::{
    config::Config,
    key::written_by,
    unshared::{NotShared, Unshared, UnsharedCounters},
};
use answer::Load;
use flight::BoxCall;
use recent::{Birth, Marks, Recent};

/// State that the services of a layer share.
pub(crate) struct Common {
    pub(crate) config: Config,
    pub(crate) table: FlightTable<BoxCall>,
    pub(crate) recent: Option<Recent>,
    pub(crate) budget: MemoryBudget,
    pub(crate) counters: Counters,
    pub(crate) marks: Marks,
    pub(crate) tasks: Weak<Tasks>,
}

/// Owner of a layer's background tasks, held by the layer and its services. The tasks hold only
/// [`Common`], so that they end when the last owner is dropped.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) common: Arc<Common>,
    _tasks: Arc<Tasks>,
}

/// Counters that all services of a layer share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) calls: Counter,
    pub(crate) failed: FailedCalls,
    pub(crate) led: Counter,
    pub(crate) joined: Counter,
    pub(crate) reused: Counter,
    pub(crate) bypassed: Counter,
    pub(crate) barred: Counter,
    pub(crate) released: Counter,
    pub(crate) retried: Counter,
    pub(crate) errors_shared: Counter,
    pub(crate) refused: Counter,
    pub(crate) overflowed: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) cut_off: Counter,
    pub(crate) finished: Counter,
    pub(crate) not_shared: UnsharedCounters,
}

/// Counters of a layer since it was made, and its current state.
///
/// Each request adds to `requests` or `bypassed`. Each of `requests` adds to one of `led`, `joined`,
/// `reused`, `barred`, `released`, `retried`, `overflowed` and `refused`, according to its outcome;
/// to none if its caller leaves while it waits, and to `refused` too if it is given up after it has
/// made a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CoalesceStats {
    /// Requests that may share a call.
    pub requests: u64,
    /// Calls of the inner service for `requests`, whatever became of them: shared ones, and those
    /// of requests that were sent on their own.
    pub calls: u64,
    /// Calls that [failed](scrimp_core::FailedCalls).
    pub failed: u64,
    /// Requests that made the first call of a flight, which others could join.
    pub led: u64,
    /// Requests answered by another request's call. Errors count too.
    pub joined: u64,
    /// Requests answered from the [window](crate::ReuseWindow), without any call.
    pub reused: u64,
    /// Requests passed on unchanged: unsafe methods, bodies, upgrades.
    pub bypassed: u64,
    /// Requests passed on because an earlier response to their key was not shareable.
    pub barred: u64,
    /// Requests that waited for an unshareable response, and were then sent on their own.
    pub released: u64,
    /// Calls made by a waiter after the call it waited for had failed or panicked.
    pub retried: u64,
    /// Waiters that got a call's error.
    pub errors_shared: u64,
    /// Requests answered 502, 503 or 504 by the layer itself.
    pub refused: u64,
    /// Requests sent on their own because a limit was reached.
    pub overflowed: u64,
    /// Requests whose wait reached the layer's limit or the deadline of their caller.
    pub timed_out: u64,
    /// Readers that fell too far behind.
    pub cut_off: u64,
    /// Calls finished in the background after all callers had left.
    pub finished: u64,
    /// Requests and responses that were not shared, by reason.
    pub not_shared: NotShared,
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

// === impl CoalesceStats ===

impl CoalesceStats {
    /// Returns the share of requests that were answered without a call of their own, from 0 to 1:
    /// by another request's call, or from the window.
    #[must_use]
    pub fn share(&self) -> f64 {
        share_of(self.joined + self.reused, self.requests)
    }
}

// === impl Owner ===

impl Owner {
    pub(crate) fn new(config: Config) -> Self {
        let tasks = Arc::default();
        let common = Arc::new(Common {
            table: FlightTable::new(config.max_keys),
            recent: config.window.map(Recent::new),
            budget: MemoryBudget::new(config.max_total_bytes),
            counters: Counters::default(),
            marks: Marks::default(),
            tasks: Arc::downgrade(&tasks),
            config,
        });
        Self {
            common,
            _tasks: tasks,
        }
    }
}

// === impl Common ===

impl Common {
    /// Puts the result of a flight into the window.
    pub(crate) fn keep(&self, flight: &Flight<BoxCall>, load: Load, time: Duration) {
        if let Some(recent) = &self.recent {
            let (key, born) = (flight.key().clone(), flight.terms().born);
            recent.put(key, born, load, time, self.config.clock.instant());
        }
    }

    /// Reports whether a call that began at `born` may answer this request.
    pub(crate) fn holds<B>(&self, born: Birth, request: &Request<B>) -> bool {
        let since = request.extensions().get::<Since>();
        let reaches = |since: &Since| born.since.is_some_and(|born| born.reaches(*since));
        since.is_none_or(reaches)
            && self
                .marks
                .hold(born.writes, || written_by(&self.config, request))
    }

    /// Remembers that responses to this key are not shareable.
    pub(crate) fn bar(&self, hash: u64, reason: Unshared) {
        self.counters.not_shared.count(reason);
        let reason = reason.word();
        tracing::debug!(reason, "a response is not shared; its key is remembered");
        let now = self.config.clock.instant();
        self.table.bar(hash, now, now + self.config.remember);
    }

    pub(crate) fn stats(&self) -> CoalesceStats {
        let (window_entries, window_bytes) = self.recent.as_ref().map_or((0, 0), Recent::size);
        CoalesceStats {
            in_flight: self.table.len() as u64,
            remembered: self.table.barred() as u64,
            window_entries,
            window_bytes,
            held_bytes: self.budget.held() as u64,
            ..self.counters.read()
        }
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("config", &self.config)
            .field("in_flight", &self.table.len())
            .finish_non_exhaustive()
    }
}

// === impl Counters ===

impl Counters {
    pub(crate) fn read(&self) -> CoalesceStats {
        CoalesceStats {
            requests: self.requests.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            led: self.led.get(),
            joined: self.joined.get(),
            reused: self.reused.get(),
            bypassed: self.bypassed.get(),
            barred: self.barred.get(),
            released: self.released.get(),
            retried: self.retried.get(),
            errors_shared: self.errors_shared.get(),
            refused: self.refused.get(),
            overflowed: self.overflowed.get(),
            timed_out: self.timed_out.get(),
            cut_off: self.cut_off.get(),
            finished: self.finished.get(),
            not_shared: self.not_shared.read(),
            ..CoalesceStats::default()
        }
    }
}
