//! A look-up in a store that does not answer at once.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::{Sleep, sleep};

use crate::{
    entry::{Store, Variants},
    shared::Shared,
};

/// A look-up in a store that has not answered at once.
pub(crate) struct LateLookup<St: Store> {
    get: Pin<Box<St::Get>>,
    limit: Pin<Box<Sleep>>,
}

// === impl LateLookup ===

impl<St: Store> LateLookup<St> {
    pub(crate) fn new(shared: &Shared<St>, get: St::Get) -> Self {
        Self {
            get: Box::pin(get),
            limit: Box::pin(sleep(shared.config.store_timeout)),
        }
    }

    /// Waits for the stored responses. A store that fails, or takes too long, counts as empty; then
    /// the flag is set.
    pub(crate) fn poll(
        &mut self,
        shared: &Shared<St>,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<Arc<Variants>>, bool)> {
        match self.get.as_mut().poll(cx) {
            Poll::Ready(Ok(found)) => return Poll::Ready((found, false)),
            Poll::Ready(Err(error)) => {
                tracing::warn!(error, "look-up failed; asking the upstream");
            }
            Poll::Pending => {
                ready!(self.limit.as_mut().poll(cx));
                tracing::warn!("look-up took too long; asking the upstream");
            }
        }
        shared.counters.store_failures.increment();
        Poll::Ready((None, true))
    }
}
