//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::BoxError;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    CacheBody,
    body::StoredBody,
    exchange::Exchange,
    lookup::{self, Step, Wanted},
    service::Common,
    store::{Store, Variants},
};

pin_project! {
    /// The response of a [`Cache`](crate::Cache).
    pub struct ResponseFuture<S, ReqB, St>
    where
        S: Service<Request<ReqB>>,
        St: Store,
    {
        #[pin]
        state: State<S, ReqB, St>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqB, St>
    where
        S: Service<Request<ReqB>>,
        St: Store,
    {
        Ready { response: Option<Response<StoredBody>> },
        LookingUp { #[pin] get: St::Get, then: Option<Box<Then<S, ReqB, St>>> },
        Forward { #[pin] call: Oneshot<S, Request<ReqB>>, exchange: Option<Exchange<St>> },
    }
}

/// What a look-up that takes time is made for.
struct Then<S, ReqB, St> {
    request: Request<ReqB>,
    wanted: Wanted,
    inner: S,
    common: Arc<Common<St>>,
}

// === impl ResponseFuture ===

impl<S, ReqB, St> ResponseFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
    St: Store,
{
    pub(crate) fn ready(response: Response<StoredBody>) -> Self {
        let response = Some(response);
        Self {
            state: State::Ready { response },
        }
    }

    pub(crate) fn forward(call: Oneshot<S, Request<ReqB>>, exchange: Exchange<St>) -> Self {
        let exchange = Some(exchange);
        Self {
            state: State::Forward { call, exchange },
        }
    }

    pub(crate) fn looking_up(
        get: St::Get,
        request: Request<ReqB>,
        wanted: Wanted,
        inner: S,
        common: &Arc<Common<St>>,
    ) -> Self {
        let common = Arc::clone(common);
        let then = Some(Box::new(Then {
            request,
            wanted,
            inner,
            common,
        }));
        Self {
            state: State::LookingUp { get, then },
        }
    }
}

impl<S, ReqB, ResB, St> Future for ResponseFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Body + Default + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    St: Store,
{
    type Output = Result<Response<CacheBody<ResB>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProj::Ready { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response.map(CacheBody::stored))),
                        // Polled after its end, which futures need not survive.
                        None => Poll::Pending,
                    };
                }
                StateProj::Forward { call, exchange } => {
                    let result = ready!(call.poll(cx));
                    return match exchange.take() {
                        Some(exchange) => Poll::Ready(exchange.finish(result)),
                        None => Poll::Pending,
                    };
                }
                StateProj::LookingUp { get, then } => {
                    // A store that fails is a store that has nothing.
                    let found = ready!(get.poll(cx));
                    match then.take() {
                        Some(then) => then.found(found),
                        None => return Poll::Pending,
                    }
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

impl<S, ReqB, ResB, St> Then<S, ReqB, St>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Body + Default + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    St: Store,
{
    fn found(self, found: Result<Option<Arc<Variants>>, BoxError>) -> State<S, ReqB, St> {
        let found = found.unwrap_or_else(|error| {
            self.common.shared.counters.store_failures.add();
            tracing::warn!(error, "look-up failed; asking the upstream");
            None
        });
        self.proceed(found.as_deref())
    }

    fn proceed(self, found: Option<&Variants>) -> State<S, ReqB, St> {
        let Self {
            mut request,
            wanted,
            inner,
            common,
        } = self;
        match lookup::decide(&common.shared, &mut request, wanted, found) {
            Step::Answer(response) => State::Ready {
                response: Some(response),
            },
            Step::AnswerAndRefresh(response, refresh) => {
                common.refreshes.spawn(inner, *refresh);
                State::Ready {
                    response: Some(response),
                }
            }
            Step::Fetch(exchange) => State::Forward {
                call: Oneshot::new(inner, request),
                exchange: Some(exchange),
            },
        }
    }
}

impl<S, ReqB, St> fmt::Debug for ResponseFuture<S, ReqB, St>
where
    S: Service<Request<ReqB>>,
    St: Store,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Ready { .. } => "ResponseFuture(ready)",
            State::LookingUp { .. } => "ResponseFuture(looking up)",
            State::Forward { .. } => "ResponseFuture(forward)",
        })
    }
}
