//! One request, from its choice of provider to the answer, over as many attempts as it takes.

mod attempt;
mod beginning;
mod fault;
mod funds;
mod hedge;
mod job;
mod judging;
mod look;
mod pick;
mod prompts;
mod quotas;
mod within;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::extensions::Apart;
use tower_service::Service;

use self::{
    attempt::{Attempt, Ended, Last},
    hedge::race,
    job::Job,
};
use crate::{
    RequestBody, RouteBody,
    body::{Gathered, gather},
    config::Shared,
    refuse::Refused,
    targets::Targets,
};

/// Answers one request, over as many attempts as it takes.
pub(crate) struct Exchange<S> {
    shared: Arc<Shared>,
    targets: Targets<S>,
}

// === impl Exchange ===

impl<S> Exchange<S> {
    pub(crate) fn new(shared: Arc<Shared>, targets: Targets<S>) -> Self {
        Self { shared, targets }
    }

    /// Answers a request.
    ///
    /// It is a block, as an async function would keep the request twice.
    pub(crate) fn run<B, R>(
        self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<RouteBody<R>>, S::Error>>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
        B: Body<Data = Bytes>,
        R: Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        let parts = Box::new(parts);
        async move {
            let (whole, mut once) = match gather(body, self.shared.config.buffer).await {
                Gathered::Whole(kept) => (Some(kept), None),
                Gathered::Long(head, rest) => (None, Some(RequestBody::streaming(head, rest))),
                Gathered::Broken(_) => return Ok(self.early_refusal(&Refused::BodyBroke)),
            };
            let mut job = match Job::new(&self.shared, parts, whole) {
                Ok(job) => job,
                Err(refused) => return Ok(self.early_refusal(&refused)),
            };
            self.shared.config.retries.deposit();
            let mut picked = match job.pick(&self.shared).await {
                Ok(picked) => picked,
                Err(refused) => {
                    let mut response = self.refusal(&refused, false);
                    // Each alone may have a provider.
                    if job.mixed && matches!(refused, Refused::NoCandidate(_)) {
                        response.extensions_mut().insert(Apart);
                    }
                    return Ok(response);
                }
            };
            let mut called = false;
            loop {
                if !picked.decision.waited.is_zero() {
                    let waited = Box::pin(picked.wait()).await;
                    if let Err(refused) = waited {
                        picked.unmake();
                        return Ok(self.refusal(&refused, called));
                    }
                }
                let provider = Arc::clone(&picked.call.provider);
                let service = self.targets.get(&provider.name);
                let reads = self.shared.config.gate.is_some() || picked.call.bill.reads_answers();
                let bet = &mut picked.call.bet;
                let (request, holder) = match job.request(&provider, bet, reads, &mut once) {
                    Ok(request) => request,
                    Err(refused) => {
                        picked.unmake();
                        return Ok(self.refusal(&refused, called));
                    }
                };
                let plan = picked.hedge.take();
                let attempt = Attempt::new(&self.shared, &job, picked, holder);
                called = true;
                let (ended, provider) = match plan {
                    None => {
                        let response = attempt.call(service, request).await;
                        (attempt.received(response).await, provider)
                    }
                    Some(plan) => {
                        let call = (service, request);
                        let ours = (&self.shared, self.targets.clone());
                        let raced = Box::pin(race(ours, &job, attempt, call, plan)).await;
                        if let Some(loss) = raced.other {
                            job.lose(&loss.provider, loss.miss, loss.paid);
                        }
                        (raced.ended, raced.provider)
                    }
                };
                let missed = match ended {
                    Ended::Good(response) => return Ok(response),
                    Ended::Missed(missed) => missed,
                };
                // The next provider is picked before the answer is dropped: the caller gets the
                // answer if there is no next one. The answer is dropped before the next call, as it
                // may hold a resource that the call waits for.
                let next = job.next(&self.shared, &provider, missed.miss, missed.paid);
                match Box::pin(next).await {
                    Some(next) => picked = next,
                    None => return self.finish(*missed.last),
                }
            }
        }
    }

    fn finish<R: Body, E>(&self, last: Last<R, E>) -> Result<Response<RouteBody<R>>, E> {
        match last {
            Last::Refused(refused) => Ok(self.refusal(&refused, true)),
            Last::Error(error) => Err(error),
            Last::Response(response) => Ok(response),
        }
    }

    /// Refuses a request before any provider is considered.
    fn early_refusal<R: Body>(&self, refused: &Refused) -> Response<RouteBody<R>> {
        self.shared.state.lock().stats.requests += 1;
        self.refusal(refused, false)
    }

    fn refusal<R: Body>(&self, refused: &Refused, called: bool) -> Response<RouteBody<R>> {
        self.shared.state.lock().stats.refused.count(refused);
        refused
            .response(self.shared.config.clock.wall(), called)
            .map(RouteBody::own)
    }
}
