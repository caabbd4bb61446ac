//! The way of a request: it makes a call, joins one, or is sent on its own.

mod enter;
mod receive;

use std::{
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::{BoxError, ShareError};
use scrimp_flight::single_flight::{Member, Outcome};
use tokio::time::Sleep;
use tower_service::Service;

use crate::{
    body::CoalesceBody,
    call::{Answered, Errand, UpstreamCall},
    config::Overflow,
    refuse::Refusal,
    response::Asker,
    shared::common::Common,
    shared::flight::BoxCall,
    shared::writes::{self, After},
};

/// A request on its way.
pub(crate) struct Joining<S, ReqB> {
    /// The service and the request. The request's own call takes both.
    own: Option<(S, Request<ReqB>)>,
    waiting: Option<Waiting>,
}

/// A place in a flight.
struct Waiting {
    member: Member<BoxCall>,
    asker: Asker,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// The next step of a request.
pub(crate) enum Step<T> {
    /// The request is [sent](Joining::take) as if there were no layer.
    Pass(After),
    Done(T),
}

// === impl Joining ===

impl<S, ReqB> Joining<S, ReqB> {
    pub(crate) fn new(inner: S, request: Request<ReqB>) -> Self {
        Self {
            own: Some((inner, request)),
            waiting: None,
        }
    }

    /// Takes the service and the request.
    pub(crate) fn take(&mut self) -> Option<(S, Request<ReqB>)> {
        self.own.take()
    }
}

impl<S, ReqB, ResB> Joining<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: ShareError + Send + 'static,
    ReqB: Body + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    pub(crate) fn poll(
        &mut self,
        common: &Arc<Common>,
        cx: &mut Context<'_>,
    ) -> Poll<Step<Answered<ResB, S::Error>>> {
        loop {
            let Some(waiting) = &mut self.waiting else {
                match self.enter(common, cx) {
                    ControlFlow::Continue(true) => return Poll::Pending,
                    ControlFlow::Continue(false) => continue,
                    ControlFlow::Break(step) => return Poll::Ready(step),
                }
            };
            let mut outcome = ready!(waiting.poll(cx));
            if let Some(Outcome::Lead) = outcome {
                outcome = Some(ready!(self.lead(common, cx)));
            }
            if let Some(step) = self.receive(common, outcome) {
                return Poll::Ready(step);
            }
        }
    }

    /// Makes the call with this request.
    fn lead(&mut self, common: &Arc<Common>, cx: &mut Context<'_>) -> Poll<Outcome<BoxCall>> {
        let waiting = self
            .waiting
            .as_mut()
            .expect("a member is waiting until it leads");
        let (inner, request) = self.own.take().expect("a request is sent once");
        let attempt = waiting.member.attempt();
        match attempt {
            1 => common.counters.calls.increment(),
            _ => common.counters.retried.increment(),
        }
        let config = &common.config;
        let errand = Errand {
            keep: common.recent.is_some() && Asker::keeps(&request),
            last: attempt >= config.attempts(),
            fields: config
                .key
                .as_ref()
                .map(|_| Box::new(request.headers().clone())),
            writes: writes::writes(common, &request),
        };
        waiting.asker.leads = true;
        waiting.deadline = None;
        let call = BoxCall(Box::pin(UpstreamCall::new(inner, request, errand)));
        waiting.member.launch(call, cx)
    }

    fn overflow(&self, common: &Common, refusal: Refusal) -> Step<Answered<ResB, S::Error>> {
        tracing::debug!(?refusal, "a limit was reached");
        match (common.config.overflow, &self.own) {
            (Overflow::OwnCall, Some(_)) => {
                common.counters.overflowed.increment();
                Step::Pass(After::Nothing)
            }
            _ => refuse(common, refusal),
        }
    }
}

fn refuse<ResB, E>(common: &Common, refusal: Refusal) -> Step<Answered<ResB, E>> {
    common.counters.refused.increment();
    Step::Done(Ok(refusal.response().map(CoalesceBody::own)))
}

// === impl Waiting ===

impl Waiting {
    /// Polls for the outcome, which is `None` after the deadline.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<BoxCall>>> {
        if let Poll::Ready(outcome) = self.member.poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}
