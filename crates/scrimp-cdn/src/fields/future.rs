//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::CountedBody;

use super::{layer::Shared, mark::Question};

pin_project! {
    /// The response of a [`CdnService`](crate::CdnService).
    pub struct CdnFuture<F> {
        #[pin]
        call: F,
        asked: Question,
        shared: Arc<Shared>,
    }
}

// === impl CdnFuture ===

impl<F> CdnFuture<F> {
    pub(super) fn new(call: F, asked: Question, shared: Arc<Shared>) -> Self {
        Self {
            call,
            asked,
            shared,
        }
    }
}

impl<F, B, E> Future for CdnFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<CountedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let counters = &this.shared.counters;
        let result = counters.failed.watch(ready!(this.call.poll(cx)));
        Poll::Ready(result.map(|mut response| {
            match this.shared.marker.mark(this.asked, &mut response) {
                Ok(()) => counters.marked.increment(),
                Err(reason) => counters.not_marked.count(reason),
            }
            response
        }))
    }
}

impl<F> fmt::Debug for CdnFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CdnFuture").finish_non_exhaustive()
    }
}
