//! One call to one provider.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, response};
use http_body::Body;
use scrimp_core::{
    Money,
    extensions::{Charge, OtherCharges, Settlement},
};
use scrimp_http::{decode, media_type, retry_after::retry_after};
use tokio::time::Instant;
use tower::{ServiceExt, util::Oneshot};
use tower_service::Service;

use super::{
    beginning::{self, Beginning},
    fault::{self, Fault},
    job::Job,
    pick::Picked,
    within::{Late, Within, within},
};
use crate::{
    Miss, RequestBody, RouteBody, RouteDecision,
    body::Held,
    config::Shared,
    engine::Outcome,
    meter::{Call, Meter},
    profile::Holder,
    refuse::Refused,
};

/// Longest wait that a provider can ask for: a wrong date must not eject it for years.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

pub(super) struct Attempt<'a> {
    pub(super) shared: &'a Shared,
    pub(super) call: Box<Call>,
    decision: Box<RouteDecision>,
    until: Instant,
    /// True if no other provider can be tried afterwards, so that the answer need not be held back.
    last: bool,
    /// Holder of the request's credentials.
    pub(super) holder: Holder,
    pub(super) job: &'a Job,
}

pub(super) enum Ended<R: Body, E> {
    Good(Response<RouteBody<R>>),
    Missed(Missed<R, E>),
}

/// Attempt that did not bring the answer.
pub(super) struct Missed<R: Body, E> {
    pub(super) miss: Miss,
    /// Cost of the call, if it is paid nevertheless.
    pub(super) paid: Option<Money>,
    pub(super) last: Box<Last<R, E>>,
}

/// Answer that the caller gets if no other provider is tried after a miss.
pub(super) enum Last<R: Body, E> {
    Refused(Refused),
    Error(E),
    Response(Response<RouteBody<R>>),
}

/// Verdict on the beginning of an answer.
enum Begun {
    Good,
    /// It has not come in time.
    Late,
    Missed(Miss),
    /// The quality gate rejects the answer.
    Rejected,
}

pub(super) type Answer<R> = Held<Pin<Box<R>>>;

// === impl Attempt ===

impl<'a> Attempt<'a> {
    pub(super) fn new(shared: &'a Shared, job: &'a Job, picked: Picked, holder: Holder) -> Self {
        let Picked { call, decision, .. } = picked;
        let patience = call.provider.timeout.unwrap_or(shared.config.timeout);
        let until = Instant::now() + patience;
        Self {
            until: job.deadline.map_or(until, |deadline| until.min(deadline)),
            last: job.is_last(shared),
            holder,
            job,
            shared,
            call,
            decision,
        }
    }

    /// Makes the call, and reads the beginning of its answer.
    pub(super) async fn run<S, B, R>(
        self,
        service: S,
        request: Request<RequestBody<B>>,
    ) -> Ended<R, S::Error>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>>,
        R: Body<Data = Bytes>,
    {
        let response = self.call(service, request).await;
        self.received(response).await
    }

    /// Makes the call.
    pub(super) fn call<S, B>(
        &self,
        service: S,
        request: Request<RequestBody<B>>,
    ) -> Within<Oneshot<S, Request<RequestBody<B>>>>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        within(self.until, service.oneshot(request))
    }

    /// Reads the beginning of an answer.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function would keep the attempt twice"
    )]
    pub(super) fn received<R, E>(
        mut self,
        response: Result<Result<Response<R>, E>, Late>,
    ) -> impl Future<Output = Ended<R, E>>
    where
        R: Body<Data = Bytes>,
    {
        async move {
            let (head, body) = match response {
                Err(Late) => return self.timed_out(),
                Ok(Err(error)) => {
                    self.call.fail(None);
                    return Ended::Missed(Missed {
                        miss: Miss::Error,
                        paid: None,
                        last: Box::new(Last::Error(error)),
                    });
                }
                Ok(Ok(response)) => response.into_parts(),
            };
            let mut body = Held::new(Box::pin(body));
            self.call.begin_answer(&head);
            self.learn_quotas(&head);
            let status = head.status.as_u16();
            let is_own = self.holder == Holder::Provider;
            let mut fault = Fault::of_status(head.status, is_own);
            // What is rare lies in a box, so that the future of every request is smaller.
            if fault == Fault::None && Fault::is_in_body(&head) && self.job.whole.is_some() {
                fault = Box::pin(self.fault(&head, &mut body)).await;
            }
            match fault {
                Fault::None => match self.begun(&head, &mut body).await {
                    Begun::Good => Ended::Good(self.hand_on(head, body)),
                    Begun::Late => self.timed_out(),
                    Begun::Rejected => self.rejected(head, body),
                    Begun::Missed(miss) => {
                        self.call.fail(None);
                        Box::pin(self.missed(miss, head, body)).await
                    }
                },
                Fault::Caller => {
                    self.call.tell_nothing();
                    Ended::Good(self.hand_on(head, body))
                }
                Fault::Provider => {
                    self.call.fail(wait(&head.headers, self.shared));
                    Box::pin(self.missed(Miss::Status(status), head, body)).await
                }
                Fault::Model => {
                    self.mark_model();
                    self.call.tell_nothing();
                    Box::pin(self.missed(Miss::Model, head, body)).await
                }
                Fault::TooLarge => {
                    self.call.tell_nothing();
                    Box::pin(self.missed(Miss::TooLarge, head, body)).await
                }
            }
        }
    }

    /// Finds out whose fault the body of an error reports. It is read up to a limit.
    async fn fault<R>(&self, head: &response::Parts, body: &mut Answer<R>) -> Fault
    where
        R: Body<Data = Bytes>,
    {
        // What breaks off or takes too long is the caller's to see.
        let _ = within(self.until, body.all(fault::MOST)).await;
        let text = body.whole().filter(|text| text.len() <= fault::MOST);
        let text = text.and_then(|text| decode::whole(&head.headers, &text, fault::MOST).ok());
        Fault::of_body(head.status, text.as_deref(), self.job.model().is_some())
    }

    fn mark_model(&self) {
        if let Some(model) = self.job.model() {
            let now = self.shared.now();
            let provider = &self.call.provider.name;
            self.shared.state.lock().missing.mark(provider, model, now);
        }
    }

    /// Reads the beginning of the body, if another provider may be tried or the answer is judged.
    async fn begun<R>(&mut self, head: &response::Parts, body: &mut Answer<R>) -> Begun
    where
        R: Body<Data = Bytes>,
    {
        // A stream may have no end, and its events are for the caller as they come.
        let gate = self.shared.config.gate.clone();
        let gate = gate.filter(|_| !media_type::is_stream(&head.headers));
        let limit = self.shared.config.buffer;
        if self.last && gate.is_none() {
            self.first_byte();
            return Begun::Good;
        }
        let until = self.until;
        let read = async {
            let first = body.first().await;
            self.first_byte();
            let began = match first {
                true if self.last => Beginning::Answer,
                true if body.is_empty() && self.job.asks_for_words(head) => Beginning::NoAnswer,
                true => beginning::read(head, body).await,
                false => Beginning::Broken,
            };
            match began {
                Beginning::Answer if gate.is_some() && !body.all(limit).await => Beginning::Broken,
                began => began,
            }
        };
        let began = match within(until, read).await {
            Ok(began) => began,
            // The provider is at work, and says so: the rest is waited for by the caller.
            Err(Late) if gate.is_none() && body.length() > 0 => Beginning::Answer,
            Err(Late) => return Begun::Late,
        };
        match began {
            Beginning::Broken => Begun::Missed(Miss::Body),
            Beginning::NoAnswer => Begun::Missed(Miss::Stream),
            Beginning::Answer => match gate {
                Some(gate) if self.is_rejected(&*gate, head, body) => Begun::Rejected,
                _ => Begun::Good,
            },
        }
    }

    /// Ends an attempt whose answer the quality gate rejects.
    fn rejected<R, E>(mut self, head: response::Parts, body: Answer<R>) -> Ended<R, E>
    where
        R: Body<Data = Bytes>,
    {
        self.decision.accepted = false;
        self.see(&body);
        let paid = self.call.end(Outcome::Succeeded).known();
        let response = self.hand_on(head, body);
        Ended::Missed(Missed {
            miss: Miss::Quality,
            paid,
            last: Box::new(Last::Response(response)),
        })
    }

    /// Ends an attempt whose answer is not good. If another may follow, the cost is settled by what
    /// has arrived; else the caller reads the rest.
    async fn missed<R, E>(
        mut self,
        miss: Miss,
        head: response::Parts,
        mut body: Answer<R>,
    ) -> Ended<R, E>
    where
        R: Body<Data = Bytes>,
    {
        let mut paid = None;
        if self.job.may_follow(self.shared, miss) {
            body.arrived(fault::MOST).await;
            self.see(&body);
            paid = self.call.end(Outcome::Succeeded).known();
        }
        let response = self.hand_on(head, body);
        Ended::Missed(Missed {
            miss,
            paid,
            last: Box::new(Last::Response(response)),
        })
    }

    /// Counts the held part of a body that will not be read: it is paid for too.
    fn see<R: Body<Data = Bytes>>(&mut self, body: &Answer<R>) {
        for chunk in body.data() {
            self.call.see(chunk);
        }
    }

    fn first_byte(&mut self) {
        self.call.has_begun = true;
        let mut state = self.shared.state.lock();
        let now = self.shared.now();
        let after = now.saturating_duration_since(self.call.began);
        state.router.first_byte(now, self.call.ticket, after);
    }

    fn timed_out<R: Body, E>(mut self) -> Ended<R, E> {
        self.call.fail(None);
        Ended::Missed(Missed {
            miss: Miss::TimedOut,
            paid: None,
            last: Box::new(Last::Refused(Refused::TimedOut)),
        })
    }

    /// Passes an answer on, with the charge as far as it is known, and the settlement of the rest.
    fn hand_on<R: Body<Data = Bytes>>(
        self,
        head: response::Parts,
        body: Answer<R>,
    ) -> Response<RouteBody<R>> {
        let (mut head, mut call) = (head, self.call);
        let (settlement, settler) = Settlement::open();
        let extensions = &mut head.extensions;
        if let Some(charge) = call.expected(self.decision.expected) {
            let others = call.bill.earlier_but(charge.currency());
            if !others.is_zero() {
                extensions.insert(OtherCharges(others));
            }
            extensions.insert(Charge(charge));
        }
        extensions.insert(settlement);
        if let Some(ledger) = &self.shared.config.ledger {
            call.bill.passing = ledger.mark(extensions);
        }
        extensions.insert(*self.decision);
        Response::from_parts(head, RouteBody::passing(body, Meter { call, settler }))
    }
}

/// Returns the time that a provider asks to wait, from now.
pub(super) fn wait(headers: &HeaderMap, shared: &Shared) -> Option<Duration> {
    let wait = retry_after(headers, shared.config.clock.wall())?;
    Some(wait.min(LONGEST_RETRY_AFTER))
}
