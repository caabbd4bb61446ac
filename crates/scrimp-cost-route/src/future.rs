//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use scrimp_core::extensions::CalledModel;

use crate::{RouteBody, body::Drains};

/// Future of a [`CostRoute`](crate::CostRoute)'s response. Dropping it cancels the call that is
/// under way; what that has cost by then is booked.
#[must_use = "futures do nothing unless polled"]
pub struct CostRouteFuture<R: Body, E> {
    exchange: Boxed<R, E>,
    /// The way to read the answer on after its caller has left.
    drains: Option<Drains<R>>,
}

/// Erased type of the future: attempts follow one another through states that hold services and
/// bodies of the caller's types, which cannot be named here. It is one allocation, before a call
/// over a network.
type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<Response<RouteBody<R>>, E>> + Send>>;

// === impl CostRouteFuture ===

impl<R: Body, E> CostRouteFuture<R, E> {
    pub(crate) fn new(
        exchange: impl Future<Output = Result<Response<RouteBody<R>>, E>> + Send + 'static,
        drains: Drains<R>,
    ) -> Self {
        Self {
            exchange: Box::pin(exchange),
            drains: Some(drains),
        }
    }
}

impl<R: Body, E> Future for CostRouteFuture<R, E> {
    type Output = Result<Response<RouteBody<R>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut result = ready!(self.exchange.as_mut().poll(cx));
        if let Ok(response) = &mut result {
            if let Some(model) = response.body().model().map(CalledModel::from) {
                response.extensions_mut().insert(model);
            }
            if let Some(drains) = self.drains.take() {
                response.body_mut().read_on_by(drains);
            }
        }
        Poll::Ready(result)
    }
}

impl<R: Body, E> fmt::Debug for CostRouteFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CostRouteFuture")
    }
}
