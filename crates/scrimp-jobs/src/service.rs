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

use crate::{BatchJobsFuture, JobBody, JobRequestBody, deferral, owner::Owner};

/// A service that turns requests that can wait into batch jobs. Made by
/// [`BatchJobsLayer`](crate::BatchJobsLayer).
///
/// It is always ready, because a job may answer. A request for the inner service waits for a clone of it inside its
/// own future.
#[derive(Clone)]
pub struct BatchJobs<S> {
    inner: S,
    owner: Arc<Owner>,
}

// === impl BatchJobs ===

impl<S> BatchJobs<S> {
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

    /// Returns the inner service by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for BatchJobs<S>
where
    S: Service<Request<JobRequestBody<ReqB>>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    ReqB: Body<Data = Bytes> + Send + 'static,
    ReqB::Error: Send,
    ResB: Body<Data = Bytes> + 'static,
{
    type Response = Response<JobBody<ResB>>;
    type Error = S::Error;
    type Future = BatchJobsFuture<S, ReqB>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let inner = self.inner.clone();
        match deferral::due(self.owner.core(), request.extensions()) {
            Some(due) => {
                let work = deferral::defer(Arc::clone(&self.owner), inner, request, due);
                BatchJobsFuture::waiting(Box::pin(work))
            }
            None => {
                let counters = &self.owner.core().counters;
                counters.bypassed.increment();
                counters.calls.increment();
                BatchJobsFuture::passing(inner, request, counters.failed.clone())
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for BatchJobs<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchJobs")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
