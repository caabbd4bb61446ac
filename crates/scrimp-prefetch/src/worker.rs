//! The task behind the requests of a layer.

use std::{future::pending, sync::Arc};

use tokio::{
    sync::mpsc::Receiver,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use crate::{flights::Flights, learning::Learner, message::Message, shared::Shared};

/// Learns from events and sends prefetches, until the layer and its services are gone.
pub(crate) async fn work(
    shared: Arc<Shared>,
    mut events: Receiver<Message>,
    mut learner: Box<Learner>,
) {
    let clock = shared.config.fetching.clock.clone();
    let mut flights = Flights::default();
    loop {
        let due = learner.next_due();
        tokio::select! {
            biased;
            (key, fetched) = flights.next() => learner.ended(key, fetched, clock.instant()),
            message = events.recv() => match message {
                Some(message) => match learn(learner, message).await {
                    Some(same) => learner = same,
                    None => return,
                },
                None => return,
            },
            () = until(due, clock.instant()) => {}
        }
        while let Some((key, plan)) = learner.start(clock.instant()) {
            let call = async move { plan.inner.fetch(plan.request).await };
            flights.start(key, call, shared.config.fetching.timeout);
        }
    }
}

/// Learns from a message: here if that is quick, or else on a thread for blocking work.
async fn learn(mut learner: Box<Learner>, message: Message) -> Option<Box<Learner>> {
    if learner.is_quick() {
        learner.take(message);
        return Some(learner);
    }
    let learned = spawn_blocking(move || {
        learner.take(message);
        learner
    });
    learned.await.ok()
}

/// Waits until a time of the layer's clock, which need not be tokio's.
pub(crate) async fn until(due: Option<Instant>, now: Instant) {
    match due {
        Some(due) => sleep_until(Instant::now() + due.saturating_duration_since(now)).await,
        None => pending().await,
    }
}
