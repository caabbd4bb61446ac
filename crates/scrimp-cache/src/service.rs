//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{CloneService, EmptyBody};
use tower_service::Service;

use crate::{
    body::CacheBody,
    entry::{MemoryStore, Store},
    future::CacheFuture,
    shared::Common,
};

/// A service with cached responses, made by [`CacheLayer`](crate::CacheLayer).
///
/// It is always ready: a hit does not need the inner service, which may be full or down. A request
/// for the upstream waits for a clone of the inner service inside its own future.
pub struct Cache<S, St = MemoryStore> {
    inner: S,
    common: Arc<Common<St>>,
}

// === impl Cache ===

impl<S, St> Cache<S, St> {
    pub(crate) fn from_parts(inner: S, common: Arc<Common<St>>) -> Self {
        Self { inner, common }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Drops the cache's handle and returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, St> Clone for Cache<S, St> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            common: Arc::clone(&self.common),
        }
    }
}

impl<S, St, ReqB, ResB> Service<Request<ReqB>> for Cache<S, St>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + CloneService + Send + 'static,
    S::Future: Send,
    ReqB: EmptyBody + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    St: Store,
{
    type Response = Response<CacheBody<ResB>>;
    type Error = S::Error;
    type Future = CacheFuture<S, ReqB, St>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        CacheFuture::new(&self.inner, &self.common, request)
    }
}

impl<S: fmt::Debug, St> fmt::Debug for Cache<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
