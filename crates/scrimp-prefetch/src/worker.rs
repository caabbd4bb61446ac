//! The task behind the requests of a layer.

use std::{collections::HashMap, future::pending, sync::Arc, time::Duration};

use scrimp_core::background_span;
use tokio::{
    sync::mpsc::Receiver,
    task::{Id, JoinSet, spawn_blocking},
    time::{Instant, sleep_until, timeout},
};
use tracing::Instrument;

use crate::{
    fetch::Fetched,
    learning::{Learner, Plan, PlanKey},
    request::Event,
    shared::Shared,
};

/// Prefetches in flight. They are aborted with the worker.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<Fetched>,
    keys: HashMap<Id, PlanKey>,
}

/// Learns from events and sends prefetches, until the layer and its services are gone.
pub(crate) async fn work(
    shared: Arc<Shared>,
    mut events: Receiver<Box<Event>>,
    mut learner: Box<Learner>,
) {
    let clock = shared.config.clock.clone();
    let mut flights = Flights::default();
    loop {
        let due = learner.next_due();
        tokio::select! {
            biased;
            (key, fetched) = flights.next() => learner.ended(key, fetched, clock.instant()),
            event = events.recv() => match event {
                Some(event) => match learn(learner, event).await {
                    Some(same) => learner = same,
                    None => return,
                },
                None => return,
            },
            () = until(due, clock.instant()) => {}
        }
        while let Some((key, plan)) = learner.start(clock.instant()) {
            flights.start(key, *plan, shared.config.fetch_timeout);
        }
    }
}

/// Learns from an event: here if that is quick, or else on a thread for blocking work.
async fn learn(mut learner: Box<Learner>, event: Box<Event>) -> Option<Box<Learner>> {
    if learner.is_quick() {
        learner.learn(&event);
        return Some(learner);
    }
    let learned = spawn_blocking(move || {
        learner.learn(&event);
        learner
    });
    learned.await.ok()
}

/// Waits until a time of the layer's clock, which need not be tokio's.
async fn until(due: Option<Instant>, now: Instant) {
    match due {
        Some(due) => sleep_until(Instant::now() + due.saturating_duration_since(now)).await,
        None => pending().await,
    }
}

// === impl Flights ===

impl Flights {
    fn start(&mut self, key: PlanKey, plan: Plan, limit: Duration) {
        let call = async move {
            let fetch = plan.inner.fetch(plan.request);
            timeout(limit, fetch).await.unwrap_or(Fetched::Failed)
        };
        let call = call.instrument(background_span("prefetch.fetch"));
        let task = self.tasks.spawn(call);
        self.keys.insert(task.id(), key);
    }

    /// Returns the next prefetch that ends. Waits if there is none.
    async fn next(&mut self) -> (PlanKey, Fetched) {
        loop {
            let (id, fetched) = match self.tasks.join_next_with_id().await {
                Some(Ok((id, fetched))) => (id, fetched),
                // It panicked.
                Some(Err(error)) => (error.id(), Fetched::Failed),
                None => pending().await,
            };
            if let Some(key) = self.keys.remove(&id) {
                return (key, fetched);
            }
        }
    }
}
