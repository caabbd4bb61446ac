//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use scrimp_core::CountedBody;
use tower_service::Service;

use super::{future::CdnFuture, layer::Shared};

/// A service that gives responses the fields for a CDN. Made by [`CdnLayer`](crate::CdnLayer).
///
/// It always calls the inner service, is ready when that is, and passes bodies on as they are.
#[derive(Clone)]
pub struct CdnService<S> {
    inner: S,
    shared: Arc<Shared>,
}

// === impl CdnService ===

impl<S> CdnService<S> {
    pub(super) fn from_parts(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
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

impl<S, ReqB, ResB> Service<Request<ReqB>> for CdnService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body,
{
    type Response = Response<CountedBody<ResB>>;
    type Error = S::Error;
    type Future = CdnFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> CdnFuture<S::Future> {
        self.shared.counters.requests.increment();
        let asked = self.shared.marker.ask(&request);
        self.shared.marker.prepare(&asked, &mut request);
        CdnFuture::new(self.inner.call(request), asked, Arc::clone(&self.shared))
    }
}

impl<S: fmt::Debug> fmt::Debug for CdnService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CdnService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
