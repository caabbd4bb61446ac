//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{ShadowBody, ShadowFuture, worker::Trials};

/// A service whose requests and responses are shown to a layer. Made by
/// [`ShadowLayer`](crate::ShadowLayer).
#[derive(Clone)]
pub struct Shadow<S> {
    inner: S,
    trials: Arc<Trials>,
}

// === impl Shadow ===

impl<S> Shadow<S> {
    pub(crate) fn from_parts(inner: S, trials: Arc<Trials>) -> Self {
        Self { inner, trials }
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

impl<S, ReqB, ResB> Service<Request<ReqB>> for Shadow<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<ShadowBody<ResB>>;
    type Error = S::Error;
    type Future = ShadowFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> ShadowFuture<S::Future> {
        let live = self.trials.show(&request);
        ShadowFuture::new(self.inner.call(request), live)
    }
}

impl<S: fmt::Debug> fmt::Debug for Shadow<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
