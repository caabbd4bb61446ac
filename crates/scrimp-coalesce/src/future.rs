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
use scrimp_core::{BoxError, CountedBody, Problem, ShareError, extensions::Patience};
use scrimp_http::peek::Peek;
use tower::util::Oneshot;
use tower_service::Service;

use crate::{
    call::Answered,
    joining::{Joining, Step},
    shared::{Common, body::CoalesceBody, recent::After},
};

pin_project! {
    /// The response of a [`Coalesce`](crate::Coalesce).
    ///
    /// It does nothing before its first poll. Dropping it does not affect other callers that
    /// wait for the same response.
    pub struct CoalesceFuture<S, ReqB>
    where
        S: Service<Request<ReqB>>,
    {
        common: Arc<Common>,
        patience: Patience,
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
        /// Only the first frame shows whether the request has a body.
        Peeking { peeking: Option<Box<(Peek<ReqB>, S)>> },
        /// The request stays in place until it is sent. Most requests are never sent.
        Joining { joining: Joining<S, ReqB> },
        Passing { #[pin] call: Oneshot<S, Request<ReqB>>, after: After, counted: bool },
        Over,
    }
}

// === impl CoalesceFuture ===

impl<S, ReqB> CoalesceFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    pub(crate) fn new(inner: S, request: Request<ReqB>, common: Arc<Common>) -> Self
    where
        ReqB: Body + 'static,
    {
        let patience = Patience::of(request.extensions());
        let state = match Peek::is_needed(&request) {
            true => State::Peeking {
                peeking: Some(Box::new((Peek::new(request), inner))),
            },
            false => State::Joining {
                joining: Joining::new(inner, request),
            },
        };
        Self {
            common,
            patience,
            state,
        }
    }
}

impl<S, ReqB, ResB> Future for CoalesceFuture<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Output = Answered<ResB, S::Error>;

    /// Polls for the response.
    ///
    /// # Panics
    ///
    /// Panics if polled after completion.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answer = match this.state.as_mut().poll(this.common, this.patience, cx) {
            Poll::Ready(Ok(mut response)) => {
                response.body_mut().hold(std::mem::take(this.patience));
                Ok(response)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => {
                ready!(this.patience.poll_over(cx));
                let counters = &this.common.counters;
                counters.timed_out.increment();
                counters.refused.increment();
                let problem = Problem::deadline("coalesce");
                Ok(problem.response().map(CoalesceBody::made))
            }
        };
        // The call that this request waited for goes on without it.
        this.state.set(State::Over);
        Poll::Ready(answer)
    }
}

// === impl State ===

impl<S, ReqB, ResB> State<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    /// Polls for the response. Starts no call once the wait is over, and is then pending.
    fn poll(
        mut self: Pin<&mut Self>,
        common: &Arc<Common>,
        patience: &Patience,
        cx: &mut Context<'_>,
    ) -> Poll<Answered<ResB, S::Error>> {
        loop {
            let step = match self.as_mut().project() {
                StateProj::Peeking { peeking } => {
                    let waiting = peeking.as_mut().expect("set when the state is made");
                    let request = ready!(waiting.0.poll(cx));
                    let (_, inner) = *peeking.take().expect("there a moment ago");
                    let joining = Joining::new(inner, request);
                    self.set(State::Joining { joining });
                    continue;
                }
                StateProj::Joining { joining } => ready!(joining.poll(common, patience, cx)),
                StateProj::Passing {
                    call,
                    after,
                    counted,
                } => {
                    let result = ready!(call.poll(cx));
                    let status = result.as_ref().ok().map(Response::status);
                    let counters = counted.then_some(&common.counters);
                    let failed = counters.and_then(|counters| counters.failed.count(status));
                    std::mem::take(after).done(common, result.as_ref().ok());
                    let counted = |body| CoalesceBody::passing(CountedBody::new(body, failed));
                    Step::Done(result.map(|response| response.map(counted)))
                }
                StateProj::Over => panic!("a response future is not polled after completion"),
            };
            match step {
                Step::Done(answer) => return Poll::Ready(answer),
                Step::Pass(_) if patience.is_over() => return Poll::Pending,
                Step::Pass(after) => {
                    let StateProj::Joining { joining } = self.as_mut().project() else {
                        unreachable!("only a joining request is passed on");
                    };
                    let counted = joining.takes_part();
                    if counted {
                        common.counters.calls.increment();
                    }
                    let (inner, request) = joining.take().expect("it passes once");
                    let call = Oneshot::new(inner, request);
                    self.set(State::Passing {
                        call,
                        after,
                        counted,
                    });
                }
            }
        }
    }
}

impl<S, ReqB> fmt::Debug for CoalesceFuture<S, ReqB>
where
    S: Service<Request<ReqB>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Peeking { .. } => "CoalesceFuture(peeking)",
            State::Joining { .. } => "CoalesceFuture(joining)",
            State::Passing { .. } => "CoalesceFuture(passing)",
            State::Over => "CoalesceFuture(over)",
        })
    }
}
