//! One call to one provider.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request, response};
use http_body::Body;
use scrimp_core::extensions::Charge;
use scrimp_http::retry_after::retry_after;
use tokio::time::Instant;
use tower::ServiceExt;
use tower_service::Service;

use super::{job::Job, pick::Picked, within::within};
use crate::{
    Miss, QualityGate, RequestBody, RouteBody, RouteDecision,
    body::Held,
    config::Shared,
    engine::Outcome,
    meter::{Call, Failure, Meter},
    refuse::Refused,
};

/// Longest wait that a provider can ask for: a wrong date must not eject it for years.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

pub(super) struct Attempt<'a> {
    shared: Arc<Shared>,
    call: Box<Call>,
    decision: RouteDecision,
    until: Instant,
    began: Instant,
    /// True if no other provider can be tried afterwards, so that the answer need not be held back.
    last: bool,
    request: &'a request::Parts,
}

pub(super) enum Ended<R: Body, E> {
    Good(Response<RouteBody<R>>),
    Missed(Miss, Box<Last<R, E>>),
}

/// Answer that the caller gets if no other provider is tried after a miss.
pub(super) enum Last<R: Body, E> {
    Refused(Refused),
    Error(E),
    Response(Response<RouteBody<R>>),
}

type Answer<R> = Held<Pin<Box<R>>>;

// === impl Attempt ===

impl<'a> Attempt<'a> {
    pub(super) fn new(job: &'a Job, picked: Picked) -> Self {
        let Picked { call, decision } = picked;
        let shared = Arc::clone(&call.shared);
        let patience = call.provider.timeout.unwrap_or(shared.config.timeout);
        let began = Instant::now();
        let until = began + patience;
        Self {
            until: job.deadline.map_or(until, |deadline| until.min(deadline)),
            last: job.is_last(&shared),
            request: &job.parts,
            shared,
            call,
            decision,
            began,
        }
    }

    pub(super) async fn run<S, B, R>(
        mut self,
        service: S,
        request: Request<RequestBody<B>>,
    ) -> Ended<R, S::Error>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>>,
        R: Body<Data = Bytes>,
    {
        let response = match within(self.until, service.oneshot(request)).await {
            Err(_) => return self.timed_out(),
            Ok(Err(error)) => {
                self.fail(None);
                return Ended::Missed(Miss::Error, Box::new(Last::Error(error)));
            }
            Ok(Ok(response)) => response,
        };
        let (head, body) = response.into_parts();
        let body = Held::new(Box::pin(body));
        if is_failure(head.status) {
            self.fail(wait(&head.headers, &self.shared));
            let miss = Miss::Status(head.status.as_u16());
            return Ended::Missed(miss, Box::new(Last::Response(self.hand_on(head, body))));
        }
        self.call.answered = true;
        self.answered(head, body).await
    }

    /// Reads the beginning of the body, if another provider may be tried or the answer is judged.
    async fn answered<R, E>(mut self, head: response::Parts, mut body: Answer<R>) -> Ended<R, E>
    where
        R: Body<Data = Bytes>,
    {
        let gate = self.shared.config.gate.clone();
        let limit = self.shared.config.buffer;
        if !self.last || gate.is_some() {
            let read = async {
                let first = body.first().await;
                self.first_byte();
                first && (gate.is_none() || body.all(limit).await)
            };
            match within(self.until, read).await {
                Err(_) => return self.timed_out(),
                Ok(false) => {
                    self.fail(None);
                    let response = self.hand_on(head, body);
                    return Ended::Missed(Miss::Body, Box::new(Last::Response(response)));
                }
                Ok(true) => {}
            }
        } else {
            self.first_byte();
        }
        if let Some(gate) = gate
            && self.is_rejected(&*gate, &head, &body)
        {
            self.decision.accepted = false;
            self.see(&body);
            self.call.end(Outcome::Succeeded);
            let response = self.hand_on(head, body);
            return Ended::Missed(Miss::Quality, Box::new(Last::Response(response)));
        }
        Ended::Good(self.hand_on(head, body))
    }

    fn is_rejected<R: Body<Data = Bytes>>(
        &self,
        gate: &dyn QualityGate,
        head: &response::Parts,
        body: &Answer<R>,
    ) -> bool {
        let Some(data) = body.whole() else {
            return false;
        };
        let verdict = gate.judge(self.request, head, &data);
        let mut state = self.shared.state.lock();
        state.stats.rejected += u64::from(!verdict.accept);
        if (0.0..=1.0).contains(&verdict.quality) {
            let now = self.shared.now();
            let ticket = self.call.ticket;
            state.router.judged(now, ticket, verdict.quality);
        } else {
            drop(state);
            let quality = verdict.quality;
            tracing::warn!(
                quality,
                "a gate's quality must be within 0 and 1; nothing is learnt"
            );
        }
        !verdict.accept
    }

    /// Counts the held part of a body that will not be read: it is paid for too.
    fn see<R: Body<Data = Bytes>>(&mut self, body: &Answer<R>) {
        for chunk in body.data() {
            self.call.bytes_out += chunk.len() as u64;
            self.call.see(chunk);
        }
    }

    fn first_byte(&self) {
        let after = self.began.elapsed();
        let mut state = self.shared.state.lock();
        let now = self.shared.now();
        state.router.first_byte(now, self.call.ticket, after);
    }

    /// Reports the failure to the router now, so that the next choice uses it.
    fn fail(&mut self, retry_after: Option<Duration>) {
        self.call.failed = Some(Failure { retry_after });
        self.call.end(Outcome::Failed { retry_after });
    }

    fn timed_out<R: Body, E>(mut self) -> Ended<R, E> {
        self.fail(None);
        Ended::Missed(Miss::TimedOut, Box::new(Last::Refused(Refused::TimedOut)))
    }

    fn hand_on<R: Body<Data = Bytes>>(
        self,
        head: response::Parts,
        body: Answer<R>,
    ) -> Response<RouteBody<R>> {
        let mut head = head;
        if let (Some(cost), None) = (self.decision.expected, self.call.failed) {
            head.extensions.insert(Charge(cost));
        }
        head.extensions.insert(self.decision);
        Response::from_parts(head, RouteBody::passing(body, Meter(self.call)))
    }
}

/// Reports whether a status says that the provider is at fault, or refuses more.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        )
}

/// Returns the time that a provider asks to wait, from now.
fn wait(headers: &HeaderMap, shared: &Shared) -> Option<Duration> {
    let wait = retry_after(headers, shared.config.clock.wall())?;
    Some(wait.min(LONGEST_RETRY_AFTER))
}
