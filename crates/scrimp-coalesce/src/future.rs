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
use scrimp_core::{BoxError, ShareError};
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
        Passing { #[pin] call: Oneshot<S, Request<ReqB>>, after: After },
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
        let state = match Peek::is_needed(&request) {
            true => State::Peeking {
                peeking: Some(Box::new((Peek::new(request), inner))),
            },
            false => State::Joining {
                joining: Joining::new(inner, request),
            },
        };
        Self { common, state }
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
        loop {
            let step = match this.state.as_mut().project() {
                StateProj::Peeking { peeking } => {
                    let waiting = peeking.as_mut().expect("set when the state is made");
                    let request = ready!(waiting.0.poll(cx));
                    let (_, inner) = *peeking.take().expect("there a moment ago");
                    let joining = Joining::new(inner, request);
                    this.state.set(State::Joining { joining });
                    continue;
                }
                StateProj::Joining { joining } => ready!(joining.poll(this.common, cx)),
                StateProj::Passing { call, after } => {
                    let result = ready!(call.poll(cx));
                    std::mem::take(after).done(this.common, result.as_ref().ok());
                    Step::Done(result.map(|response| response.map(CoalesceBody::passing)))
                }
                StateProj::Over => panic!("a response future is not polled after completion"),
            };
            match step {
                Step::Done(answer) => {
                    this.state.set(State::Over);
                    return Poll::Ready(answer);
                }
                Step::Pass(after) => {
                    let StateProj::Joining { joining } = this.state.as_mut().project() else {
                        unreachable!("only a joining request is passed on");
                    };
                    let (inner, request) = joining.take().expect("it passes once");
                    let call = Oneshot::new(inner, request);
                    this.state.set(State::Passing { call, after });
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
