//! A look-up in a store that does not answer at once.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::{
    entry::{Store, Variants},
    shared::Shared,
};

pin_project! {
    /// A look-up in a store that has not answered at once.
    pub(crate) struct LateLookup<St>
    where
        St: Store,
    {
        #[pin]
        get: St::Get,
        #[pin]
        limit: Sleep,
    }
}

// === impl LateLookup ===

impl<St: Store> LateLookup<St> {
    pub(crate) fn new(shared: &Shared<St>, get: St::Get) -> Self {
        Self {
            get,
            limit: sleep(shared.config.store_timeout),
        }
    }

    /// Waits for the stored responses. A store that fails, or takes too long, counts as empty; then
    /// the flag is set.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        shared: &Shared<St>,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<Arc<Variants>>, bool)> {
        let this = self.project();
        match this.get.poll(cx) {
            Poll::Ready(Ok(found)) => return Poll::Ready((found, false)),
            Poll::Ready(Err(error)) => {
                tracing::warn!(error, "look-up failed; asking the upstream");
            }
            Poll::Pending => {
                ready!(this.limit.poll(cx));
                tracing::warn!("look-up took too long; asking the upstream");
            }
        }
        shared.counters.store_failures.increment();
        Poll::Ready((None, true))
    }
}
