//! The service behind the caches.

use std::{
    convert::Infallible,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tower::Service;

use crate::fixture;

/// Responds at once, always with the same response. Cloning it costs nothing, so that only the
/// cache is measured.
pub(crate) struct Origin<R> {
    state: &'static State,
    body: PhantomData<fn() -> R>,
}

struct State {
    headers: HeaderMap,
    body: Bytes,
    calls: AtomicU64,
}

// === impl Origin ===

impl<R> Origin<R> {
    pub(crate) fn new(cache_control: &str, length: usize) -> Self {
        // One per subject, for the life of the process.
        let state = Box::leak(Box::new(State {
            headers: fixture::response_headers(cache_control, length),
            body: fixture::body(length),
            calls: AtomicU64::new(0),
        }));
        Self {
            state,
            body: PhantomData,
        }
    }

    /// Returns a response that may be stored for an hour.
    pub(crate) fn cacheable(length: usize) -> Self {
        Self::new("public, max-age=3600", length)
    }

    /// Returns the number of requests that have reached it.
    pub(crate) fn calls(self) -> u64 {
        self.state.calls.load(Ordering::Relaxed)
    }
}

impl<R> Clone for Origin<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Origin<R> {}

impl<R: From<Bytes>, B> Service<Request<B>> for Origin<R> {
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Self;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Returns a future that works only when polled, like that of an async function.
    /// axum-response-cache calls on a hit too, and drops the future.
    fn call(&mut self, _: Request<B>) -> Self {
        *self
    }
}

impl<R: From<Bytes>> Future for Origin<R> {
    type Output = Result<Response<R>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.state.calls.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(R::from(self.state.body.clone()));
        *response.headers_mut() = received(&self.state.headers);
        Poll::Ready(Ok(response))
    }
}

/// Copies a header map with spare capacity, as in hyper's and handlers' maps. A mere clone has
/// none, and the next field would pay for moving all others.
fn received(headers: &HeaderMap) -> HeaderMap {
    let mut copy = HeaderMap::with_capacity(headers.keys_len() + 1);
    for (name, value) in headers {
        copy.append(name.clone(), value.clone());
    }
    copy
}
