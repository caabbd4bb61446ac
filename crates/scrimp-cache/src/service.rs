//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::KeyBuf;
use scrimp_http::peek::Peek;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    body::CacheBody,
    entry::{Lookup, MemoryStore, Store},
    future::ResponseFuture,
    lookup::decide::{self, Step},
    request::{
        read::{self, Plan},
        target::Shown,
    },
    shared::Common,
};

/// A service whose responses are cached. Made by [`CacheLayer`](crate::CacheLayer).
///
/// It is always ready: a hit needs nothing of the inner service, which may be full or down.
/// A request that has to go upstream waits for a clone of the inner service inside its own
/// future.
pub struct Cache<S, St = MemoryStore> {
    inner: S,
    common: Arc<Common<St>>,
}

// === impl Cache ===

impl<S, St> Cache<S, St> {
    pub(crate) fn from_parts(inner: S, common: Arc<Common<St>>) -> Self {
        Self { inner, common }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Drops the cache's handle and gives the inner service back.
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
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Body + Default + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    St: Store,
{
    type Response = Response<CacheBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqB, St>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        if Peek::is_needed(&request) {
            return ResponseFuture::peeking(Peek::new(request), self.clone());
        }
        let shared = &self.common.shared;
        let mut key = KeyBuf::new();
        let shown = Shown::swap(&shared.config, &mut request);
        let plan = read::read(shared, &request, &shown, &mut key);
        let Plan::Lookup(wanted) = &plan else {
            let exchange = read::pass(shared, &request, &plan);
            shown.restore(&mut request);
            return ResponseFuture::forward(Oneshot::new(self.inner.clone(), request), exchange);
        };
        let key = key.as_ref();
        match shared.store.get(key) {
            Lookup::Now(found) => {
                let mut step = decide::decide(shared, &mut request, wanted, key, found);
                shown.restore_all(&mut request, &mut step);
                match step {
                    Step::Answer(answer) => ResponseFuture::ready(answer),
                    Step::AnswerAndRefresh(answer, refresh) => {
                        self.common.background.spawn(self.inner.clone(), *refresh);
                        ResponseFuture::ready(answer)
                    }
                    Step::Fetch(exchange) => {
                        ResponseFuture::calling(self.inner.clone(), request, exchange, &self.common)
                    }
                }
            }
            Lookup::Later(get) => {
                shown.restore(&mut request);
                let wanted = (wanted.clone(), key.to_key());
                ResponseFuture::looking_up(get, request, wanted, self.inner.clone(), &self.common)
            }
        }
    }
}

impl<S: fmt::Debug, St> fmt::Debug for Cache<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
