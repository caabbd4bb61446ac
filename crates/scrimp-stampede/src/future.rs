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
use scrimp_core::{
    CountedBody, Problem,
    extensions::{Deadline, Patience},
};
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    StampedeBody,
    common::Common,
    fingerprint::Asked,
    settle::{Call, settle},
};

/// The future of a request that is no plain hit. It costs an allocation, which a hit does not.
pub(crate) type Way<ResB, E> =
    Pin<Box<dyn Future<Output = Result<Response<StampedeBody<ResB>>, E>> + Send>>;

pin_project! {
    /// The response of a [`Stampede`](crate::Stampede).
    pub struct StampedeFuture<S, ReqB, ResB>
    where
        S: Service<Request<ReqB>>,
        ResB: Body<Data = Bytes, Error: Send>,
        ResB: Send,
        ResB: 'static,
    {
        common: Arc<Common>,
        patience: Patience,
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
        /// The call is given up, or left to a task.
        Late,
    }
}

/// Checks that a call is the hit that it should be.
struct Watch {
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
    pub(crate) fn passing(inner: S, request: Request<ReqB>, common: &Arc<Common>) -> Self {
        let patience = Patience::of(request.extensions());
        let call = Oneshot::new(inner, request);
        Self {
            common: Arc::clone(common),
            patience,
            state: State::Passing { call },
        }
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
            asked,
            at_once,
            call: None,
        };
        Self {
            common: Arc::clone(common),
            patience: Patience::default(),
            state: State::Hit { call, watch },
        }
    }

    pub(crate) fn cold(
        way: Way<ResB, S::Error>,
        common: &Arc<Common>,
        deadline: Option<Deadline>,
    ) -> Self {
        Self {
            common: Arc::clone(common),
            patience: Patience::until(deadline),
            state: State::Cold { way },
        }
    }
}

impl<S, ReqB, ResB> Future for StampedeFuture<S, ReqB, ResB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Output = Result<Response<StampedeBody<ResB>>, S::Error>;

    /// # Panics
    ///
    /// If polled after completion.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // It comes first: a call that others wait for is handed over in it.
        let poll = this.state.as_mut().poll(this.common, cx);
        if poll.is_ready() {
            return poll;
        }
        ready!(this.patience.poll_over(cx));
        let counters = &this.common.shared.counters;
        counters.timed_out.increment();
        counters.refused.increment();
        this.state.set(State::Late);
        let problem = Problem::deadline("stampede");
        Poll::Ready(Ok(problem.response().map(StampedeBody::made)))
    }
}

// === impl State ===

impl<S, ReqB, ResB> State<S, ReqB, ResB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    fn poll(
        self: Pin<&mut Self>,
        common: &Arc<Common>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<StampedeBody<ResB>>, S::Error>> {
        match self.project() {
            StateProj::Passing { call } => {
                let result = ready!(call.poll(cx));
                let uncounted = |body| StampedeBody::passing(CountedBody::new(body, None));
                Poll::Ready(result.map(|response| response.map(uncounted)))
            }
            StateProj::Hit { call, watch } => {
                let poll = call.poll(cx);
                let Poll::Ready(result) = poll else {
                    watch.pending(common);
                    return Poll::Pending;
                };
                let counters = &common.shared.counters;
                let result = counters.ended(result);
                Poll::Ready(match watch.call.take() {
                    None => {
                        counters.hit();
                        watch.at_once(common);
                        result.map(|response| response.map(StampedeBody::passing))
                    }
                    Some(call) => call.arrived(result),
                })
            }
            StateProj::Cold { way } => way.as_mut().poll(cx),
            StateProj::Late => panic!("a response future is not polled after completion"),
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Notes that the first poll brought the response.
    fn at_once(&self, common: &Common) {
        if !self.at_once {
            common.shared.came_at_once(self.asked.fingerprint);
        }
    }

    #[cold]
    fn pending(&mut self, common: &Arc<Common>) {
        if self.call.is_none() {
            common.shared.counters.hit();
            let call = Call::new(common, self.asked);
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
        result: Result<Response<CountedBody<ResB>>, E>,
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
            State::Late => "StampedeFuture(late)",
        })
    }
}
