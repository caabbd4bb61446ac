//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::CloneService;
use tower_service::Service;

use crate::{LimitBody, LimitFuture, limiter::Limiter};

/// A service that lets requests pass at a steady rate. Made by
/// [`LimitLayer`](crate::LimitLayer).
///
/// It is always ready, because it may refuse a request by itself. Each request waits for a clone of
/// the inner service inside its own future, after it has waited for its turn: it holds no permit of
/// the inner service meanwhile.
#[derive(Clone)]
pub struct Limit<S> {
    inner: S,
    limiter: Arc<Limiter>,
}

// === impl Limit ===

impl<S> Limit<S> {
    pub(crate) fn from_parts(inner: S, limiter: Arc<Limiter>) -> Self {
        Self { inner, limiter }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Limit<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + CloneService,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<LimitBody<ResB>>;
    type Error = S::Error;
    type Future = LimitFuture<S, ReqB>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> LimitFuture<S, ReqB> {
        LimitFuture::new(self.inner.clone(), request, Arc::clone(&self.limiter))
    }
}

impl<S: fmt::Debug> fmt::Debug for Limit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
