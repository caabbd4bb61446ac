//! Calls in the background that are in flight.

use std::{collections::HashMap, future::Future, future::pending, time::Duration};

use scrimp_core::background_span;
use tokio::{
    task::{Id, JoinSet},
    time::timeout,
};
use tracing::Instrument;

use crate::fetch::Fetched;

/// Calls in flight, each with a key. They are aborted with their owner.
pub(crate) struct Flights<K> {
    tasks: JoinSet<Fetched>,
    keys: HashMap<Id, K>,
}

// === impl Flights ===

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            keys: HashMap::new(),
        }
    }
}

impl<K> Flights<K> {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Starts a call, which may take this time.
    pub(crate) fn start(
        &mut self,
        key: K,
        fetch: impl Future<Output = Fetched> + Send + 'static,
        limit: Duration,
    ) {
        let call = async move { timeout(limit, fetch).await.unwrap_or(Fetched::Failed) };
        let call = call.instrument(background_span("prefetch.fetch"));
        let task = self.tasks.spawn(call);
        self.keys.insert(task.id(), key);
    }

    /// Returns the next call that ends. Waits if there is none.
    pub(crate) async fn next(&mut self) -> (K, Fetched) {
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
