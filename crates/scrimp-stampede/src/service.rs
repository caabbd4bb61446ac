//! The service.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{CloneService, EmptyBody, extensions::Deadline};
use scrimp_http::peek::Peek;
use tower_service::Service;

use crate::{
    StampedeBody,
    cold::Cold,
    common::Common,
    future::{StampedeFuture, Way},
    plan::Plan,
};

/// A service that refreshes the responses of its inner cache and fills missing ones once. Made by
/// [`StampedeLayer`](crate::StampedeLayer).
///
/// It is always ready, because its inner service may answer from the store while its upstream is
/// full or down. Each request waits for a clone of it inside its own future.
pub struct Stampede<S> {
    inner: S,
    common: Arc<Common>,
}

// === impl Stampede ===

impl<S> Stampede<S> {
    pub(crate) fn from_parts(inner: S, common: Arc<Common>) -> Self {
        Self { inner, common }
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

impl<S: Clone> Clone for Stampede<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            common: Arc::clone(&self.common),
        }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Stampede<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + CloneService + Send + 'static,
    S::Future: Send,
    ReqB: EmptyBody + Send + 'static,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Response = Response<StampedeBody<ResB>>;
    type Error = S::Error;
    type Future = StampedeFuture<S, ReqB, ResB>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        if Peek::is_needed(&request) {
            return self.after_first_frame(request);
        }
        self.common.shared.config.key_by.mark(&mut request);
        let plan = self.common.shared.plan(&request);
        let inner = self.inner.clone();
        let deadline = match plan {
            Plan::Pass => {
                self.common.shared.counters.bypassed.increment();
                return StampedeFuture::passing(inner, request, &self.common);
            }
            // Others may wait for any call that is not passed on.
            _ => Deadline::share(request.extensions_mut()),
        };
        let asked = match plan {
            Plan::Hit { asked, at_once } if deadline.is_none() => {
                return StampedeFuture::hit(inner, request, &self.common, asked, at_once);
            }
            Plan::Pass => unreachable!("passed on already"),
            Plan::Hit { asked, .. }
            | Plan::Look { asked, .. }
            | Plan::Stale { asked, .. }
            | Plan::Peek(asked)
            | Plan::Gate(asked) => asked,
        };
        self.common.shared.counters.request();
        let cold = Cold {
            common: Arc::clone(&self.common),
            inner,
            request,
            asked,
            deadline,
        };
        let way: Way<ResB, S::Error> = match plan {
            Plan::Hit { at_once, .. } => Box::pin(cold.hit(at_once)),
            Plan::Look {
                uniform, at_once, ..
            } => Box::pin(cold.look(uniform, at_once)),
            Plan::Stale {
                window, at_once, ..
            } => Box::pin(cold.stale(window, at_once)),
            Plan::Peek(_) => Box::pin(cold.go()),
            _ => Box::pin(cold.gate()),
        };
        StampedeFuture::cold(way, &self.common, deadline)
    }
}

impl<S> Stampede<S> {
    /// Waits for the first frame of a request's body, which shows whether the request has a body.
    #[cold]
    fn after_first_frame<ReqB, ResB>(&self, request: Request<ReqB>) -> StampedeFuture<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
        S::Future: Send,
        ReqB: Body + Default + Send + 'static,
        ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
    {
        let mut again = self.clone();
        let deadline = request.extensions().get().copied();
        let mut peek = Peek::new(request);
        let way: Way<ResB, S::Error> = Box::pin(async move {
            let request = poll_fn(|cx| peek.poll(cx)).await;
            again.call(request).await
        });
        StampedeFuture::cold(way, &self.common, deadline)
    }
}

impl<S: fmt::Debug> fmt::Debug for Stampede<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stampede")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
