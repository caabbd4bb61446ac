//! The response future.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::{BoxError, ShareError};
use tokio::time::Sleep;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    answer::Arrived,
    body::CoalesceBody,
    config::Common,
    deliver::Asker,
    flight::{Member, Outcome},
    pass::After,
    visit::{Step, Visit},
};

pin_project! {
    /// The response of a [`Coalesce`](crate::Coalesce).
    ///
    /// Nothing happens before its first poll. Dropping it takes nothing from those who wait
    /// for the same answer.
    pub struct ResponseFuture<S, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        #[pin]
        state: State<S, ReqB>,
        common: Arc<Common>,
    }
}

pin_project! {
    #[project = StateProj]
    pub(crate) enum State<S, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        Start { request: Option<(S, Request<ReqB>)> },
        Passing { #[pin] call: Oneshot<S, Request<ReqB>>, after: After },
        Waiting { waiting: Option<Waiting<S, ReqB>> },
    }
}

/// A place in a flight.
pub(crate) struct Waiting<S, ReqB> {
    pub(crate) member: Member<Arrived>,
    pub(crate) asker: Asker,
    /// What to do if there is nothing to be had there. The call that this request made has
    /// taken it along.
    pub(crate) own: Option<(S, Request<ReqB>)>,
    pub(crate) deadline: Option<Pin<Box<Sleep>>>,
}

// === impl ResponseFuture ===

impl<S, ReqB> ResponseFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    pub(crate) fn new(inner: S, request: Request<ReqB>, common: Arc<Common>) -> Self {
        Self {
            state: State::Start {
                request: Some((inner, request)),
            },
            common,
        }
    }
}

impl<S, ReqB, ResB> Future for ResponseFuture<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Output = Result<Response<CoalesceBody<ResB>>, S::Error>;

    /// Polled after its end, which futures need not survive, it is pending for ever.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let this = self.as_mut().project();
            let mut visit = Visit {
                common: this.common,
                service: PhantomData,
            };
            let mut state = this.state;
            let step = match state.as_mut().project() {
                StateProj::Start { request } => match request.take() {
                    Some((inner, request)) => visit.begin(inner, request, cx),
                    None => return Poll::Pending,
                },
                StateProj::Passing { call, after } => {
                    let result = ready!(call.poll(cx));
                    after.done(visit.common, result.as_ref().ok());
                    Step::Done(result.map(|response| response.map(CoalesceBody::passing)))
                }
                StateProj::Waiting { waiting } => {
                    let Some(place) = waiting else {
                        return Poll::Pending;
                    };
                    let outcome = ready!(place.poll(cx));
                    match waiting.take() {
                        Some(place) => visit.end(place, outcome, cx),
                        None => return Poll::Pending,
                    }
                }
            };
            match step {
                Step::Go(next) => state.set(next),
                Step::Done(answer) => {
                    state.set(State::Start { request: None });
                    return Poll::Ready(answer);
                }
            }
        }
    }
}

impl<S, ReqB> fmt::Debug for ResponseFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Start { .. } => "ResponseFuture(start)",
            State::Passing { .. } => "ResponseFuture(passing)",
            State::Waiting { .. } => "ResponseFuture(waiting)",
        })
    }
}

// === impl Waiting ===

impl<S, ReqB> Waiting<S, ReqB> {
    /// What came of it; `None` if it took too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<Arrived>>> {
        if let Poll::Ready(outcome) = self.member.poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}
