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
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    LimitBody,
    limiter::{Limiter, Verdict},
    refusal::Refusal,
};

/// Boxed, as a request that waits does so for a millisecond at least.
type Turn = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

pin_project! {
    /// The response of a [`Limit`](crate::Limit).
    ///
    /// It does nothing before its first poll. If it is dropped while it waits for its turn, the
    /// request takes nothing from the limit.
    pub struct LimitFuture<S, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        limiter: Arc<Limiter>,
        #[pin]
        state: State<S, ReqB>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        Asking { call: Option<(S, Request<ReqB>)> },
        Waiting { call: Option<(S, Request<ReqB>)>, turn: Turn },
        Calling { #[pin] call: Oneshot<S, Request<ReqB>> },
        Over,
    }
}

// === impl LimitFuture ===

impl<S, ReqB> LimitFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    pub(crate) fn new(inner: S, request: Request<ReqB>, limiter: Arc<Limiter>) -> Self {
        let call = Some((inner, request));
        Self {
            limiter,
            state: State::Asking { call },
        }
    }
}

impl<S, ReqB, ResB> Future for LimitFuture<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
{
    type Output = Result<Response<LimitBody<ResB>>, S::Error>;

    /// Polls for the response.
    ///
    /// # Panics
    ///
    /// Panics if polled after completion.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, limiter) = (this.state, this.limiter);
        loop {
            let next = match state.as_mut().project() {
                StateProj::Asking { call } => {
                    let (inner, request) = call.take().expect("set when the state is made");
                    let (verdict, request) = limiter.ask(request);
                    match verdict {
                        Verdict::Pass => calling(limiter, inner, request),
                        Verdict::Wait(turn) => State::Waiting {
                            call: Some((inner, request)),
                            turn,
                        },
                        Verdict::Refuse(refusal) => {
                            state.set(State::Over);
                            return Poll::Ready(Ok(refusal.response().map(LimitBody::refusal)));
                        }
                    }
                }
                StateProj::Waiting { call, turn } => match ready!(turn.as_mut().poll(cx)) {
                    Ok(()) => {
                        let (inner, request) = call.take().expect("set when the state is made");
                        calling(limiter, inner, request)
                    }
                    Err(refusal) => {
                        state.set(State::Over);
                        return Poll::Ready(Ok(refusal.response().map(LimitBody::refusal)));
                    }
                },
                StateProj::Calling { call } => {
                    let result = ready!(call.poll(cx));
                    let result = limiter.counters.failed.watch(result);
                    state.set(State::Over);
                    return Poll::Ready(result.map(|response| response.map(LimitBody::passing)));
                }
                StateProj::Over => panic!("a response future is not polled after completion"),
            };
            state.set(next);
        }
    }
}

fn calling<S, ReqB>(limiter: &Limiter, inner: S, request: Request<ReqB>) -> State<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    limiter.counters.calls.increment();
    State::Calling {
        call: Oneshot::new(inner, request),
    }
}

impl<S, ReqB> fmt::Debug for LimitFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Asking { .. } => "LimitFuture(asking)",
            State::Waiting { .. } => "LimitFuture(waiting)",
            State::Calling { .. } => "LimitFuture(calling)",
            State::Over => "LimitFuture(over)",
        })
    }
}
