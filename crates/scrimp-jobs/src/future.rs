//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use scrimp_core::{CountedBody, FailedCalls};
use tower::util::Oneshot;
use tower_service::Service;

use crate::{JobBody, JobRequestBody, deferral::Answered};

/// Boxed, as a request that has time waits for minutes at least.
type Waiting<T, E> = Pin<Box<dyn Future<Output = Result<Answered<T>, E>> + Send>>;

pin_project! {
    /// The response of a [`BatchJobs`](crate::BatchJobs).
    ///
    /// It does nothing before its first poll. If it is dropped while its request waits, the request is not
    /// sent. If the request is in a job already, the answer is kept for the next equal request.
    pub struct BatchJobsFuture<S, ReqB>
    where
        S: Service<Request<JobRequestBody<ReqB>>>,
        ReqB: Body,
    {
        #[pin]
        state: State<S, ReqB>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqB>
    where
        S: Service<Request<JobRequestBody<ReqB>>>,
        ReqB: Body,
    {
        Passing { #[pin] call: Oneshot<S, Request<JobRequestBody<ReqB>>>, failed: FailedCalls },
        Waiting { work: Waiting<S::Response, S::Error> },
    }
}

// === impl BatchJobsFuture ===

impl<S, ReqB> BatchJobsFuture<S, ReqB>
where
    S: Service<Request<JobRequestBody<ReqB>>>,
    ReqB: Body<Data = Bytes>,
{
    pub(crate) fn passing(inner: S, request: Request<ReqB>, failed: FailedCalls) -> Self {
        let call = Oneshot::new(inner, request.map(JobRequestBody::passing));
        Self {
            state: State::Passing { call, failed },
        }
    }

    pub(crate) fn waiting(work: Waiting<S::Response, S::Error>) -> Self {
        Self {
            state: State::Waiting { work },
        }
    }
}

impl<S, ReqB, ResB> Future for BatchJobsFuture<S, ReqB>
where
    S: Service<Request<JobRequestBody<ReqB>>, Response = Response<ResB>>,
    ReqB: Body,
    ResB: Body<Data = Bytes>,
{
    type Output = Result<Response<JobBody<ResB>>, S::Error>;

    /// Polls for the response.
    ///
    /// # Panics
    ///
    /// Panics if polled after completion.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = match self.project().state.project() {
            StateProj::Passing { call, failed } => {
                let result = failed.watch(ready!(call.poll(cx)));
                return Poll::Ready(result.map(|response| response.map(JobBody::passing)));
            }
            StateProj::Waiting { work } => ready!(work.as_mut().poll(cx))?,
        };
        Poll::Ready(Ok(match answered {
            Answered::Inner(response, failed) => {
                response.map(|body| JobBody::passing(CountedBody::new(body, failed)))
            }
            Answered::Tried(response, failed, reader) => {
                response.map(|body| JobBody::tried(CountedBody::new(body, failed), reader))
            }
            Answered::Whole(response) => response.map(JobBody::whole),
        }))
    }
}

impl<S, ReqB> fmt::Debug for BatchJobsFuture<S, ReqB>
where
    S: Service<Request<JobRequestBody<ReqB>>>,
    ReqB: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Passing { .. } => "BatchJobsFuture(passing)",
            State::Waiting { .. } => "BatchJobsFuture(waiting)",
        })
    }
}
