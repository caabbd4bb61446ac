//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{BoxError, BytesBody, CloneService, ShareError};
use scrimp_http::{body::Presence, media_type::accepts_stream, method::has_use_for_content};
use tower_service::Service;

use crate::{
    BatchBody, BatchCodec,
    future::BatchFuture,
    http::{AnyLanes, Common, Reply},
};

/// A service that sends requests in batches. Made by [`BatchLayer`](crate::BatchLayer).
///
/// It is always ready: a request waits inside its own future, for a place, for other requests and
/// for the inner service. Clones collect together.
pub struct Batch<S, C> {
    inner: S,
    common: Arc<Common<C>>,
    lanes: Arc<AnyLanes>,
}

// === impl Batch ===

impl<S, C> Batch<S, C> {
    pub(crate) fn new(inner: S, common: Arc<Common<C>>) -> Self {
        Self {
            inner,
            lanes: match &common.lanes {
                Some(shared) => Arc::clone(shared),
                None => Arc::new(AnyLanes::new(
                    common.config.lanes.max_lanes,
                    &common.stats.lanes,
                )),
            },
            common,
        }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service, by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, C> Clone for Batch<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            common: Arc::clone(&self.common),
            lanes: Arc::clone(&self.lanes),
        }
    }
}

impl<S, C, ReqB, ResB> Service<Request<ReqB>> for Batch<S, C>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + CloneService + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    C: BatchCodec,
    ReqB: BytesBody + Send + 'static,
    ReqB::Error: Into<BoxError>,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<BatchBody<ResB>>;
    type Error = S::Error;
    type Future = BatchFuture<S, C, ReqB, Reply<ResB, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let inner = self.inner.clone();
        let small = is_small(&request, self.common.config.max_request);
        let (head, body) = request.into_parts();
        if small && self.common.codec.accepts(&head) && !accepts_stream(&head.headers) {
            return BatchFuture::read(inner, head, body, &self.common, self.lanes.get());
        }
        self.common.stats.bypassed.increment();
        let request = Request::from_parts(head, body);
        BatchFuture::pass(inner, request)
    }
}

/// Reports whether the body may be read as a whole. If a wrapper hides the length, the framing may
/// say that there is no body. A proxy may have removed the framing, so this holds only for methods
/// whose requests have no use for content.
fn is_small<B: Body>(request: &Request<B>, most: u64) -> bool {
    let upper = request.body().size_hint().upper();
    upper.is_some_and(|bytes| bytes <= most)
        || !has_use_for_content(request.method()) && Presence::of(request) == Presence::Absent
}

impl<S: fmt::Debug, C> fmt::Debug for Batch<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
