//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use scrimp_core::extensions::Refused;

use super::layer::Pending;

pin_project! {
    /// The response of an [`Audit`](crate::Audit). If it is dropped before, the outcome is `cancelled`.
    pub struct AuditFuture<F> {
        #[pin]
        call: F,
        pending: Pending,
    }
}

// === impl AuditFuture ===

impl<F> AuditFuture<F> {
    pub(super) fn new(call: F, pending: Pending) -> Self {
        Self { call, pending }
    }
}

impl<F, B, E> Future for AuditFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        match &result {
            Ok(response) => {
                let refused = response.extensions().get::<Refused>();
                let refused = refused.map(|refused| (refused.layer, refused.reason));
                this.pending.end(response.status().as_str(), refused);
            }
            Err(_) => this.pending.end("error", None),
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for AuditFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditFuture").finish_non_exhaustive()
    }
}
