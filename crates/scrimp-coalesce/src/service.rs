//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{BoxError, CloneService, ShareError};
use tower_service::Service;

use crate::{CoalesceBody, CoalesceFuture, shared::Owner};

/// A service whose equal requests share a call. [`CoalesceLayer`](crate::CoalesceLayer) makes
/// it.
///
/// It is always ready: a request that joins a call does not need the inner service. A request
/// that makes a call waits for a clone of the inner service inside its own future.
pub struct Coalesce<S> {
    inner: S,
    owner: Arc<Owner>,
}

// === impl Coalesce ===

impl<S> Coalesce<S> {
    pub(crate) fn from_parts(inner: S, owner: Arc<Owner>) -> Self {
        Self { inner, owner }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service, and drops the layer's shared state.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> Clone for Coalesce<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            owner: Arc::clone(&self.owner),
        }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Coalesce<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + CloneService + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<CoalesceBody<ResB>>;
    type Error = S::Error;
    type Future = CoalesceFuture<S, ReqB>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        self.owner.common.config.key_by.mark(&mut request);
        CoalesceFuture::new(self.inner.clone(), request, Arc::clone(&self.owner.common))
    }
}

impl<S: fmt::Debug> fmt::Debug for Coalesce<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalesce")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
