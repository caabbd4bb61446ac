//! The way of a request: it makes a call, joins one, or is sent on its own.

mod admit;
mod receive;

use std::{
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Request;
use http_body::Body;
use scrimp_core::{
    KeyBuf, KeyRef, background_span,
    extensions::{Deadline, Patience},
    release_span,
};
use scrimp_flight::single_flight::{Admission, Member, Outcome, SharedResult};
use tokio::time::{Sleep, sleep};

use self::admit::{admit, check_private};
use crate::{
    call::{Answered, AnsweredBy, Errand, Upstream, UpstreamCall},
    config::{Abandoned, Overflow},
    key,
    response::{Asker, Collapsed, Refusal, add_age},
    shared::{
        Common,
        body::CoalesceBody,
        flight::{BoxCall, FINISH},
        recent::{self, After},
    },
    unshared::Unshared,
};

/// Reason why a request without a place in a flight is present.
const OWN: &str = "only a member sends its request, and it does not enter again";

/// A request on its way.
pub(crate) struct Joining<S, ReqB> {
    /// The service and the request. The request's own call takes both.
    own: Option<(S, Request<ReqB>)>,
    waiting: Option<Waiting>,
    /// The request may share a call, and is counted.
    counted: bool,
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
            counted: false,
        }
    }

    /// Reports whether the request may share a call. A request that may not is only passed on.
    pub(crate) fn takes_part(&self) -> bool {
        self.counted
    }

    /// Takes the service and the request.
    pub(crate) fn take(&mut self) -> Option<(S, Request<ReqB>)> {
        self.own.take()
    }
}

impl<S, ReqB> Joining<S, ReqB>
where
    S: Upstream<ReqB>,
    ReqB: Body + Send + 'static,
{
    /// Polls for the next step. Starts no call once the wait is over, and is then pending.
    pub(crate) fn poll(
        &mut self,
        common: &Arc<Common>,
        patience: &Patience,
        cx: &mut Context<'_>,
    ) -> Poll<Step<AnsweredBy<S, ReqB>>> {
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
                if patience.is_over() {
                    return Poll::Pending;
                }
                outcome = Some(ready!(self.lead(common, cx)));
            }
            if let Some(step) = self.receive(common, outcome) {
                return Poll::Ready(step);
            }
        }
    }

    /// Takes a place in a flight, or returns the next step without one. Continues with true if
    /// the request waits, and with false if its place must be polled.
    fn enter(
        &mut self,
        common: &Arc<Common>,
        cx: &Context<'_>,
    ) -> ControlFlow<Step<AnsweredBy<S, ReqB>>, bool> {
        // The key is written in place: neither it nor the request is moved.
        let mut key = KeyBuf::new();
        let keyed = self.write_key(&mut key, common);
        let (_, request) = self.own.as_mut().expect(OWN);
        common.config.private_if.announce(request);
        let request = &*request;
        if let Err(reason) = keyed.and_then(|()| check_private(common, request)) {
            if !self.counted {
                common.counters.bypassed.increment();
            }
            common.counters.not_shared.count(reason);
            return ControlFlow::Break(Step::Pass(After::passed(common, request)));
        }
        // A request that starts again is counted once.
        if !std::mem::replace(&mut self.counted, true) {
            common.counters.requests.increment();
        }
        let key = key.as_ref();
        let asker = Asker::of(request);
        if let Some(answer) = Self::recent(common, key, &asker, request) {
            return ControlFlow::Break(Step::Done(answer));
        }
        let (member, waits) = match admit::<_, S::Error>(common, key, &asker, request, cx.waker()) {
            Admission::Member { member, waits } => (member, waits),
            Admission::Copy(copy) => {
                let step = self.copied(common, copy, &asker, key.hash_value());
                return ControlFlow::Break(step);
            }
            Admission::Barred => {
                common.counters.barred.increment();
                let recheck = common.config.private_if.recheck(request);
                let after = After::Barred(key.hash_value(), recheck);
                return ControlFlow::Break(Step::Pass(after));
            }
            Admission::Crowded => {
                return ControlFlow::Break(self.overflow(common, Refusal::TooManyWaiters));
            }
            Admission::Full => {
                return ControlFlow::Break(self.overflow(common, Refusal::TooManyKeys));
            }
        };
        let deadline = match member.attempt() {
            0 => common.config.max_wait.map(|time| Box::pin(sleep(time))),
            _ => None,
        };
        // A timer starts at its first poll.
        let waits = waits && deadline.is_none();
        self.waiting = Some(Waiting {
            member,
            asker,
            deadline,
        });
        ControlFlow::Continue(waits)
    }

    /// Writes the key, or returns why the request must be sent on its own.
    fn write_key(&mut self, key: &mut KeyBuf, common: &Common) -> Result<(), Unshared> {
        let config = &common.config;
        let (_, request) = self.own.as_ref().expect(OWN);
        let empty = key::is_bodiless(request);
        let Some(make) = &config.key else {
            return key::write(key, config, request, empty);
        };
        key::check_open(config, request, empty)?;
        let (inner, request) = self.own.take().expect(OWN);
        let (parts, body) = request.into_parts();
        let made = make(&parts);
        let request = Request::from_parts(parts, body);
        if let Some(made) = &made {
            key::wrap(key, &request, made);
        }
        self.own = Some((inner, request));
        made.map(drop).ok_or(Unshared::Key)
    }

    /// Returns a response from the window.
    fn recent(
        common: &Common,
        key: KeyRef<'_>,
        asker: &Asker,
        request: &Request<ReqB>,
    ) -> Option<AnsweredBy<S, ReqB>> {
        let recent = common.recent.as_ref()?;
        if !Asker::takes_recent(request) {
            return None;
        }
        let now = common.config.clock.instant();
        let (load, age) = recent.get(key, now, |born| common.holds(born, request))?;
        let mut made = None;
        let answer = match load.copy()? {
            Err(failure) => Err(failure.error()?),
            Ok((answer, body)) => {
                if !answer.answers(request.headers()) {
                    return None;
                }
                made = Some(answer.extensions().clone());
                let mut response = asker.deliver(common, &answer, body, Collapsed::Reused);
                add_age(response.headers_mut(), age);
                Ok(response)
            }
        };
        common.counters.reused.increment();
        asker.book_avoided(common, made.as_ref());
        Some(answer)
    }

    /// Makes the call with this request.
    fn lead(&mut self, common: &Arc<Common>, cx: &mut Context<'_>) -> Poll<Outcome<BoxCall>> {
        let waiting = self
            .waiting
            .as_mut()
            .expect("a member is waiting until it leads");
        let (inner, mut request) = self.own.take().expect("a request is sent once");
        // Others may wait for the call longer than this caller, which leaves at its deadline.
        Deadline::share(request.extensions_mut());
        let attempt = waiting.member.attempt();
        match attempt {
            1 => common.counters.led.increment(),
            _ => common.counters.retried.increment(),
        }
        common.counters.calls.increment();
        let config = &common.config;
        let span = (config.abandoned == Abandoned::Finish).then(|| {
            release_span(request.extensions_mut());
            Box::new(background_span(FINISH))
        });
        let errand = Errand {
            keep: common.recent.is_some() && Asker::keeps(&request),
            last: attempt >= config.attempts(),
            fields: config
                .key
                .as_ref()
                .map(|_| Box::new(request.headers().clone())),
            writes: recent::writes(common, &request),
            recheck: config.private_if.recheck(&request),
            span,
        };
        waiting.asker.leads = true;
        waiting.deadline = None;
        let call = BoxCall(Box::pin(UpstreamCall::new(inner, request, errand)));
        waiting.member.launch(call, cx)
    }

    fn overflow(&self, common: &Common, refusal: Refusal) -> Step<AnsweredBy<S, ReqB>> {
        tracing::debug!(reason = ?refusal, "a limit was reached");
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
    Step::Done(Ok(refusal.response().map(CoalesceBody::made)))
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
