//! Who drives a batch: a task of its own, from its first item to its last answer.
//!
//! There is no worker per lane that could die and take the lane with it, and no caller that
//! leads the others. The task waits for the window to close, takes what there is, and calls;
//! whoever comes meanwhile starts the next task, so collecting never waits for a call.

use std::{future::Future, sync::Arc};

use tracing::Instrument;

use super::{
    flight::Flight,
    lane::{Collecting, Lane, Waiting},
    slot::{Slot, Ticket},
};

/// Makes the call that answers a batch.
pub(crate) trait Driver: Clone + Send + 'static {
    /// What is asked.
    type Item: Send + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    /// Answers every entry. One that is dropped instead is lost to its caller.
    fn run(self, flight: Flight<Self::Item, Self::Answer>) -> impl Future<Output = ()> + Send;
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
    tokio::spawn(drive(lane, task, driver).instrument(tracing::Span::current()));
}

async fn drive<D: Driver>(
    lane: Arc<Lane<D::Item, D::Answer>>,
    task: Collecting<D::Item, D::Answer>,
    driver: D,
) {
    // Whoever is about to ask as well gets to: twenty futures that one task polls in turn, or
    // callers that the last answer woke, are one batch even where the window is zero.
    tokio::task::yield_now().await;
    let Some((flight, more)) = lane.collect(task).await else {
        return;
    };
    if more {
        start(lane, driver.clone());
    }
    let waiters = Arc::clone(&flight.waiters);
    tokio::select! {
        biased;
        // Nobody waits for it: it would only cost money. Asked first, so that a call whose
        // callers have all left in the meantime is not even begun.
        () = waiters.deserted() => {}
        () = driver.run(flight) => {}
    }
}
