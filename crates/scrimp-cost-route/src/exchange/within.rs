//! A future with a time limit.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// Future with a time limit, as tokio's `timeout_at`, with a timer only if the future is
    /// not ready at once.
    pub(super) struct Within<F> {
        #[pin]
        inner: F,
        // In a box, as a future that is ready at once needs none.
        timer: Option<Pin<Box<Sleep>>>,
        until: Instant,
    }
}

/// Error of a future whose time was up.
pub(super) struct Late;

/// Awaits `inner` until an instant.
pub(super) fn within<F: Future>(until: Instant, inner: F) -> Within<F> {
    Within {
        inner,
        timer: None,
        until,
    }
}

// === impl Within ===

impl<F: Future> Future for Within<F> {
    type Output = Result<F::Output, Late>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.inner.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let until = *this.until;
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(Late))
    }
}
