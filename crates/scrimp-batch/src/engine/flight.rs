//! Items that go out together.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    lane::Lane,
    latency::Latency,
    slot::{Slot, Waiters},
};

/// A batch under way.
pub(crate) struct Flight<I, A> {
    /// Its items, each with its caller's slot.
    pub(crate) entries: Vec<Entry<I, A>>,
    /// Who still waits for it.
    pub(crate) waiters: Arc<Waiters>,
    /// Counts against the lane's concurrency for as long as it exists.
    pub(crate) guard: InFlightGuard<I, A>,
}

/// An item and the responder of its caller.
#[derive(Debug)]
pub(crate) struct Entry<I, A> {
    /// What was asked.
    pub(crate) item: I,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Instant>,
    /// Where the answer goes.
    pub(crate) responder: Responder<A>,
}

/// Where one caller's answer goes.
///
/// Dropped without an answer, it tells the caller that the work was lost, so that a panic
/// anywhere leaves nobody waiting.
pub(crate) struct Responder<A>(Arc<Slot<A>>);

/// A call in flight, as the lane counts them.
pub(crate) struct InFlightGuard<I, A>(Arc<Lane<I, A>>);

// === impl Responder ===

impl<A> Responder<A> {
    pub(crate) fn new(slot: Arc<Slot<A>>) -> Self {
        Self(slot)
    }

    /// Gives the caller its answer.
    pub(crate) fn answer(self, answer: A) {
        self.0.answer(answer);
    }

    /// Whether the caller has left.
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
    /// The lane must have counted the call already.
    pub(crate) fn new(lane: Arc<Lane<I, A>>) -> Self {
        Self(lane)
    }

    /// How long calls of this lane take.
    pub(crate) fn latency(&self) -> &Latency {
        self.0.latency()
    }

    /// Sends nothing from this lane for a while.
    pub(crate) fn back_off(&self, time: Duration) {
        self.0.back_off(time);
    }

    /// The lane went well again.
    pub(crate) fn all_clear(&self) {
        self.0.all_clear();
    }

    /// Failed batches in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.0.failures()
    }
}

impl<I, A> Drop for InFlightGuard<I, A> {
    fn drop(&mut self) {
        self.0.call_ended();
    }
}

impl<I, A> fmt::Debug for InFlightGuard<I, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InFlightGuard")
    }
}
