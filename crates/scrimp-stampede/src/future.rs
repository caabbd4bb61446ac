//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    StampedeBody,
    common::Common,
    fingerprint::Asked,
    settle::{Call, settle},
};

/// The future of a request that is no plain hit. It costs an allocation, which a hit does not.
type Way<ResB, E> = Pin<Box<dyn Future<Output = Result<Response<StampedeBody<ResB>>, E>> + Send>>;

pin_project! {
    /// The response of a [`Stampede`](crate::Stampede).
    pub struct StampedeFuture<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>>,
        ResB: Body<Data = Bytes, Error: Send>,
        ResB: Send,
        ResB: 'static,
    {
        #[pin]
        state: State<S, ReqB, ResB>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>>,
        ResB: Body<Data = Bytes, Error: Send>,
        ResB: Send,
        ResB: 'static,
    {
        Passing { #[pin] call: Oneshot<S, Request<ReqB>> },
        Hit { #[pin] call: Oneshot<S, Request<ReqB>>, watch: Watch },
        Cold { way: Way<ResB, S::Error> },
    }
}

/// Checks that a call is the hit that it should be.
struct Watch {
    common: Arc<Common>,
    asked: Asked,
    at_once: bool,
    /// Set from the first poll that returned nothing. Boxed, because hits never need it.
    call: Option<Box<Call>>,
}

// === impl StampedeFuture ===

impl<S, ReqB, ResB> StampedeFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>>,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    #[inline]
    pub(crate) fn passing(inner: S, request: Request<ReqB>) -> Self {
        let call = Oneshot::new(inner, request);
        let state = State::Passing { call };
        Self { state }
    }

    #[inline]
    pub(crate) fn hit(
        inner: S,
        request: Request<ReqB>,
        common: &Arc<Common>,
        asked: Asked,
        at_once: bool,
    ) -> Self {
        let call = Oneshot::new(inner, request);
        let watch = Watch {
            common: Arc::clone(common),
            asked,
            at_once,
            call: None,
        };
        let state = State::Hit { call, watch };
        Self { state }
    }

    pub(crate) fn cold(way: Way<ResB, S::Error>) -> Self {
        let state = State::Cold { way };
        Self { state }
    }
}

impl<S, ReqB, ResB> Future for StampedeFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Output = Result<Response<StampedeBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passing { call } => {
                let result = std::task::ready!(call.poll(cx));
                Poll::Ready(result.map(|response| response.map(StampedeBody::passing)))
            }
            StateProj::Hit { call, watch } => {
                let poll = call.poll(cx);
                let Poll::Ready(result) = poll else {
                    watch.pending();
                    return Poll::Pending;
                };
                Poll::Ready(match watch.call.take() {
                    None => {
                        watch.at_once();
                        result.map(|response| response.map(StampedeBody::passing))
                    }
                    Some(call) => call.arrived(result),
                })
            }
            StateProj::Cold { way } => way.as_mut().poll(cx),
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Notes that the first poll brought the response.
    fn at_once(&self) {
        if !self.at_once {
            self.common.shared.came_at_once(self.asked.fingerprint);
        }
    }

    #[cold]
    fn pending(&mut self) {
        if self.call.is_none() {
            let call = Call::new(&self.common, self.asked);
            let call = self.call.insert(Box::new(call));
            if self.at_once {
                call.surprised();
            }
        }
    }
}

// === impl Call ===

impl Call {
    fn arrived<ResB, E>(
        mut self,
        result: Result<Response<ResB>, E>,
    ) -> Result<Response<StampedeBody<ResB>>, E>
    where
        ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
    {
        match result {
            Ok(response) => Ok(settle(self, response)),
            Err(error) => {
                self.failed();
                Err(error)
            }
        }
    }
}

impl<S, ReqB, ResB> fmt::Debug for StampedeFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>>,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Passing { .. } => "StampedeFuture(passing)",
            State::Hit { .. } => "StampedeFuture(hit)",
            State::Cold { .. } => "StampedeFuture(cold)",
        })
    }
}
