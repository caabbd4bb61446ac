//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use scrimp_core::extensions::{Directive, Explain};
use tower_service::Service;

use super::{Shared, future::SparedFuture};

/// A service that counts hits on warmed responses. Made by [`SparedLayer`](super::SparedLayer).
///
/// It calls its inner service once for each request, and is ready when that is.
#[derive(Clone)]
pub struct SparedService<S> {
    inner: S,
    shared: Arc<Shared>,
}

// === impl SparedService ===

impl<S> SparedService<S> {
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

impl<S, ReqB, ResB> Service<Request<ReqB>> for SparedService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = SparedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        // Requests made ahead of time have no caller.
        let has_caller = request.extensions().get::<Directive>().is_none();
        let key = match has_caller && *request.method() == Method::GET {
            true => self.shared.find(&request),
            false => None,
        };
        if key.is_some() {
            request.extensions_mut().insert(Explain);
        }
        let call = self.inner.call(request);
        SparedFuture::new(call, key.map(|key| (key, Arc::clone(&self.shared))))
    }
}

impl<S: fmt::Debug> fmt::Debug for SparedService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparedService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
