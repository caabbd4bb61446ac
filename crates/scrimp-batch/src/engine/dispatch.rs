//! Items that are sent together.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::Timing;
use tokio::time::Instant;

use super::{
    lane::Lane,
    latency::Latency,
    size::{Learned, Sizes},
    slot::{Slot, Waiters},
};

/// A batch that is being sent.
pub(crate) struct Dispatch<I, A> {
    /// Its items, each with its caller's slot. Empty if all callers have left.
    pub(crate) entries: Vec<Entry<I, A>>,
    /// The callers that still wait for it.
    pub(crate) waiters: Arc<Waiters>,
    /// Counts against the lane's concurrency for as long as it exists.
    pub(crate) guard: InFlightGuard<I, A>,
}

/// An item and the responder of its caller.
#[derive(Debug)]
pub(crate) struct Entry<I, A> {
    /// The request.
    pub(crate) item: I,
    /// True if it is equal to the entry before it.
    pub(crate) duplicate: bool,
    /// The time at which the caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    /// The time at which it got in line.
    pub(crate) since: Instant,
    /// Takes the answer.
    pub(crate) responder: Responder<A>,
}

/// Takes one caller's answer.
///
/// A responder that is dropped without an answer tells its caller that the work was lost, so
/// that no caller waits after a panic.
pub(crate) struct Responder<A>(Arc<Slot<A>>);

/// A call in flight, as the lane counts them.
pub(crate) struct InFlightGuard<I, A> {
    lane: Arc<Lane<I, A>>,
    /// Its answer has begun.
    answered: bool,
}

/// Records the times that entries have waited in line.
pub(crate) fn record_waits<I, A>(entries: &[Entry<I, A>], waits: &Timing) {
    if waits.is_attached() {
        let now = Instant::now();
        for entry in entries {
            waits.record(now.saturating_duration_since(entry.since));
        }
    }
}

// === impl Responder ===

impl<A> Responder<A> {
    pub(crate) fn new(slot: Arc<Slot<A>>) -> Self {
        Self(slot)
    }

    /// Gives the caller its answer.
    pub(crate) fn answer(self, answer: A) {
        self.0.answer(answer);
    }

    /// Reports whether the caller has left.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over()
    }
}

impl<A> Drop for Responder<A> {
    fn drop(&mut self) {
        self.0.lose();
    }
}

impl<A> fmt::Debug for Responder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Responder").field(&self.is_over()).finish()
    }
}

// === impl InFlightGuard ===

impl<I, A> InFlightGuard<I, A> {
    /// Guards a call that the lane has counted already.
    pub(crate) fn new(lane: Arc<Lane<I, A>>) -> Self {
        Self {
            lane,
            answered: false,
        }
    }

    /// Records that the answer has begun. It may go on for long, and no request waits for its end
    /// unless the calls in flight are limited.
    pub(crate) fn answered(&mut self) {
        if !std::mem::replace(&mut self.answered, true) {
            self.lane.call_answered();
        }
    }

    /// Returns the times of the lane's calls.
    pub(crate) fn latency(&self) -> &Latency {
        self.lane.latency()
    }

    /// Records that a batch was refused as too large. Returns what was known before.
    pub(crate) fn refused(&self, size: Sizes) -> Learned {
        self.lane.refused(size)
    }

    /// Records that the upstream takes this number of items at most, and says so if `told`.
    pub(crate) fn limited(&self, items: usize, told: bool) {
        self.lane.limited(items, told);
    }

    /// Reports whether the upstream takes batches, as far as is known.
    pub(crate) fn takes_batches(&self) -> bool {
        self.lane.takes_batches()
    }

    /// Takes a refusal back: one item caused it, not the size of the batch.
    pub(crate) fn restore(&self, before: Learned) {
        self.lane.restore(before);
    }

    /// Records that a batch passed.
    pub(crate) fn accepted(&self, size: Sizes) {
        self.lane.accepted(size);
    }

    /// Stops the lane from sending for a time.
    pub(crate) fn back_off(&self, time: Duration) {
        self.lane.back_off(time);
    }

    /// Resets the count of failed batches.
    pub(crate) fn all_clear(&self) {
        self.lane.all_clear();
    }

    /// Returns the number of failed batches in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.lane.failures()
    }
}

impl<I, A> Drop for InFlightGuard<I, A> {
    fn drop(&mut self) {
        self.lane.call_ended(self.answered);
    }
}

impl<I, A> fmt::Debug for InFlightGuard<I, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InFlightGuard")
    }
}
