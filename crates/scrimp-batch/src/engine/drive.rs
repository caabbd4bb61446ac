//! The task that drives a batch, from its first item to its last answer.
//!
//! There is no worker per lane whose death would end the lane, and no caller leads the others.
//! The task waits for the window to close, takes the items in line, and calls. A request that
//! comes during the call starts the next task, so collecting never waits for a call.

use std::{future::Future, sync::Arc};

use scrimp_core::root_span;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::{
    dispatch::Dispatch,
    lane::{Lane, Waiting},
    slot::{Slot, Ticket},
};

/// Makes the call that answers a batch.
pub(crate) trait Driver: Clone + Send + 'static {
    /// The request of one caller.
    type Item: Send + 'static;
    /// The answer of one caller.
    type Answer: Send + 'static;

    /// Answers every entry. An entry that is dropped instead is lost to its caller.
    fn run(self, dispatch: Dispatch<Self::Item, Self::Answer>) -> impl Future<Output = ()> + Send;
}

/// Reports whether this thread can start tasks. Callers check it before they enqueue.
pub(crate) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// Puts an item in line, and starts a task if none is collecting.
pub(crate) fn enqueue<D: Driver>(
    lane: &Arc<Lane<D::Item, D::Answer>>,
    waiting: Waiting<D::Item>,
    driver: &D,
) -> Ticket<D::Item, D::Answer> {
    let slot = Slot::new();
    if lane.push(waiting, Arc::clone(&slot)) {
        start(Arc::clone(lane), driver.clone());
    }
    Ticket::new(slot, Arc::clone(lane))
}

fn start<D: Driver>(lane: Arc<Lane<D::Item, D::Answer>>, driver: D) {
    let task = Collecting::new(&lane);
    // Each item of the batch adds its caller's span as a cause.
    let span = root_span("batch");
    tokio::spawn(drive(lane, task, driver).instrument(span));
}

async fn drive<D: Driver>(
    lane: Arc<Lane<D::Item, D::Answer>>,
    task: Collecting<D::Item, D::Answer>,
    driver: D,
) {
    // Other callers that are about to ask can join: twenty futures that one task polls in turn,
    // or callers that the last answer woke, are one batch even where the window is zero.
    tokio::task::yield_now().await;
    let Some((dispatch, more)) = lane.collect(task).await else {
        return;
    };
    if more {
        start(lane, driver.clone());
    }
    let waiters = Arc::clone(&dispatch.waiters);
    tokio::select! {
        biased;
        // A call that no caller waits for only costs money. Polled first, so that a call whose
        // callers have all left is not begun.
        () = waiters.abandoned() => {}
        () = driver.run(dispatch) => {}
    }
}

/// Marks the one task that collects. If it is dropped before it is done, for example because its
/// runtime shuts down, the callers in line get [`Lost`](super::Lost), and the next item starts
/// another task.
pub(crate) struct Collecting<I, A>(Option<Arc<Lane<I, A>>>);

impl<I, A> Collecting<I, A> {
    pub(crate) fn new(lane: &Arc<Lane<I, A>>) -> Self {
        Self(Some(Arc::clone(lane)))
    }

    pub(super) fn done(mut self) {
        self.0 = None;
    }
}

impl<I, A> Drop for Collecting<I, A> {
    fn drop(&mut self) {
        if let Some(lane) = self.0.take() {
            lane.abandon();
        }
    }
}
