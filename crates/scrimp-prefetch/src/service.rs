//! The service.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{CloneService, EmptyBody};
use scrimp_http::purpose;
use tower_service::Service;

use crate::{
    PrefetchFuture,
    common::Common,
    fetch::{Fetch, Fetcher},
    request::Event,
};

/// A service that learns what its callers ask for next. Made by
/// [`PrefetchLayer`](crate::PrefetchLayer).
///
/// It calls its inner service once for each request, and is ready when that is. A prefetch waits for a clone
/// of the inner service in the background.
pub struct Prefetch<S> {
    inner: S,
    common: Arc<Common>,
    /// Made with the first request, when the types of bodies are known.
    fetcher: Arc<OnceLock<Arc<dyn Fetch>>>,
}

// === impl Prefetch ===

impl<S> Prefetch<S> {
    pub(crate) fn from_parts(inner: S, common: Arc<Common>) -> Self {
        Self {
            inner,
            common,
            fetcher: Arc::default(),
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

    /// Returns the inner service by value.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> Clone for Prefetch<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            common: Arc::clone(&self.common),
            fetcher: Arc::clone(&self.fetcher),
        }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Prefetch<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + CloneService + Send + 'static,
    S::Future: Send,
    ReqB: EmptyBody + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<ResB>;
    type Error = S::Error;
    type Future = PrefetchFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let fetcher = self
            .fetcher
            .get_or_init(|| Arc::new(Fetcher::<S, ReqB>::new(self.inner.clone())));
        let shared = &self.common.shared;
        let event = Event::read(&shared.config, &shared.names, &request, fetcher);
        if event.is_none() {
            shared.counters.bypassed.increment();
            if purpose::is_prefetch(request.headers()) {
                shared.counters.browser_prefetches.increment();
            }
        }
        let links = event.as_ref().filter(|_| shared.config.links);
        let links = links.map(|event| self.common.ask_for_links(event));
        let call = self.inner.call(request);
        let event = event.map(|event| (event, Arc::clone(&self.common)));
        PrefetchFuture::new(call, event, links)
    }
}

impl<S: fmt::Debug> fmt::Debug for Prefetch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefetch")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
