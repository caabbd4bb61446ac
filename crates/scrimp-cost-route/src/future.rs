//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::extensions::CalledModel;

use crate::{RouteBody, body::Drains};

/// Future of a [`CostRoute`](crate::CostRoute)'s response. Dropping it cancels the call that is
/// under way; what that has cost by then is booked.
#[must_use = "futures do nothing unless polled"]
pub struct CostRouteFuture<R: Body, E>(Boxed<R, E>);

/// Erased type of the future: attempts follow one another through states that hold services and
/// bodies of the caller's types, which cannot be named here. It is one allocation, before a call
/// over a network.
type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<Response<RouteBody<R>>, E>> + Send>>;

pin_project! {
    /// Exchange whose answer can be read on. An async block would hold the exchange twice.
    struct ReadOn<F, R: Body> {
        #[pin]
        exchange: F,
        // The way to read the answer on after its caller has left.
        drains: Option<Drains<R>>,
    }
}

// === impl CostRouteFuture ===

impl<R: Body + 'static, E> CostRouteFuture<R, E> {
    /// Returns the future of an exchange. `drains` is the way to read its answer on after its caller has left.
    pub(crate) fn new(
        exchange: impl Future<Output = Result<Response<RouteBody<R>>, E>> + Send + 'static,
        drains: Drains<R>,
    ) -> Self {
        Self(Box::pin(ReadOn {
            exchange,
            drains: Some(drains),
        }))
    }
}

impl<R: Body, E> Future for CostRouteFuture<R, E> {
    type Output = Result<Response<RouteBody<R>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R: Body, E> fmt::Debug for CostRouteFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CostRouteFuture")
    }
}

// === impl ReadOn ===

impl<F, R, E> Future for ReadOn<F, R>
where
    F: Future<Output = Result<Response<RouteBody<R>>, E>>,
    R: Body,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.exchange.poll(cx))?;
        if let Some(model) = response.body().model().map(CalledModel::from) {
            response.extensions_mut().insert(model);
        }
        if let Some(drains) = this.drains.take() {
            response.body_mut().read_on_by(drains);
        }
        Poll::Ready(Ok(response))
    }
}
