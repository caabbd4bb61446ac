//! A look-up in a store that does not answer at once.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
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
        limit: Option<Sleep>,
        // Time left after the first wait, which the store ends by itself.
        left: Option<Duration>,
        has_waited: bool,
    }
}

// === impl LateLookup ===

impl<St: Store> LateLookup<St> {
    pub(crate) fn new(shared: &Shared<St>, get: St::Get) -> Self {
        let limit = shared.config.store_timeout;
        let wait = shared.store.longest_wait();
        // A second wait must have as much time as the first.
        let wait = wait.filter(|wait| wait.saturating_mul(2) <= limit);
        Self {
            get,
            limit: wait.is_none().then(|| sleep(limit)),
            left: wait.map(|wait| limit - wait),
            has_waited: false,
        }
    }

    /// Waits for the stored responses. A store that fails, or takes too long, counts as empty; then
    /// the flag is set.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        shared: &Shared<St>,
        cx: &mut Context<'_>,
    ) -> Poll<(Option<Arc<Variants>>, bool)> {
        let mut this = self.project();
        match this.get.poll(cx) {
            Poll::Ready(Ok(found)) => return Poll::Ready((found, false)),
            Poll::Ready(Err(error)) => {
                tracing::warn!(error, "look-up failed; asking the upstream");
            }
            Poll::Pending => {
                if !std::mem::replace(this.has_waited, true) && this.left.is_some() {
                    return Poll::Pending;
                }
                if let Some(left) = this.left.take() {
                    this.limit.set(Some(sleep(left)));
                }
                if let Some(limit) = this.limit.as_pin_mut() {
                    ready!(limit.poll(cx));
                }
                tracing::warn!("look-up took too long; asking the upstream");
            }
        }
        shared.counters.store_failures.increment();
        Poll::Ready((None, true))
    }
}
