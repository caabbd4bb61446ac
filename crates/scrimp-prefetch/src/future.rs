//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::{common::Common, request::Event};

pin_project! {
    /// The response of a [`Prefetch`](crate::Prefetch). It passes through as it is.
    pub struct PrefetchFuture<F> {
        #[pin]
        call: F,
        event: Option<(Box<Event>, Arc<Common>)>,
    }
}

// === impl PrefetchFuture ===

impl<F> PrefetchFuture<F> {
    pub(crate) fn new(call: F, event: Option<(Box<Event>, Arc<Common>)>) -> Self {
        Self { call, event }
    }
}

impl<F, ResB, E> Future for PrefetchFuture<F>
where
    F: Future<Output = Result<Response<ResB>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        if let (Some((mut event, common)), Ok(response)) = (this.event.take(), &result) {
            let learned = event.answered(response, common.shared.config.personal);
            match learned {
                true => common.send(event),
                false => common.shared.counters.bypassed.increment(),
            }
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for PrefetchFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrefetchFuture")
    }
}
