//! Handles requests that are no plain hits.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use scrimp_core::extensions::{Deadline, Explain};
use scrimp_flight::single_flight::Turn;
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};
use tower::ServiceExt;
use tower_service::Service;

use crate::{
    StampedeBody,
    common::Common,
    config::Shared,
    fingerprint::Asked,
    gate::{Entry, Outcome, Ticket},
    refresh::{Again, moment},
    seen::{From, Seen},
    settle::{Call, settle},
};

/// A request on its way, with its inner service.
pub(crate) struct Cold<S, ReqB> {
    pub(crate) common: Arc<Common>,
    pub(crate) inner: S,
    pub(crate) request: Request<ReqB>,
    pub(crate) asked: Asked,
    /// The deadline of the caller. The request does not carry it, as others may wait for the call.
    pub(crate) deadline: Option<Deadline>,
}

/// The longest possible wait.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);

// === impl Cold ===

impl<S, ReqB, ResB> Cold<S, ReqB>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    ReqB: Default + Send + 'static,
    ResB: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    fn shared(&self) -> &Arc<Shared> {
        &self.common.shared
    }

    /// Returns a call of this request, to be made now.
    pub(crate) fn call(&self) -> Call {
        Call {
            deadline: self.deadline,
            ..Call::new(&self.common, self.asked)
        }
    }

    /// Lets one request of an unknown or expired key go ahead. The other requests of the key wait
    /// until its outcome is known.
    pub(crate) async fn gate(self) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        let shared = Arc::clone(self.shared());
        let deadline = Instant::now() + shared.config.wait_limit.min(FOREVER);
        let ticket = match shared.gate.enter(self.asked.fingerprint, self.asked.fills) {
            Entry::Fill(ticket) => Some(ticket),
            // No time passes without a runtime, so no limit would ever end.
            Entry::Wait(wait) if Handle::try_current().is_ok() => {
                shared.counters.waited.increment();
                match timeout_at(deadline, wait).await {
                    Ok(Turn::Lead(lead)) if self.asked.fills => Some(Ticket::new(lead)),
                    Ok(Turn::Lead(_) | Turn::Result(Outcome::Stored | Outcome::Alone)) => None,
                    Err(_) => {
                        shared.counters.timed_out.increment();
                        None
                    }
                }
            }
            Entry::Wait(_) | Entry::Alone => None,
        };
        match ticket {
            Some(ticket) => {
                shared.counters.fills.increment();
                self.fill(ticket, deadline).await
            }
            None => self.go().await,
        }
    }

    /// Fills the key, as the only process if processes share a lock.
    async fn fill(
        mut self,
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        self.request.extensions_mut().insert(Explain);
        if self.shared().config.lock.is_some() {
            return self.fill_among_processes(ticket, deadline).await;
        }
        self.send(ticket).await
    }

    /// Makes the call that the ticket belongs to.
    pub(crate) async fn send(
        self,
        ticket: Ticket,
    ) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        let mut call = self.call();
        call.ticket = Some(ticket);
        let called = self.inner.oneshot(self.request);
        let response = call.drive(called, false).await?;
        Ok(settle(call, response))
    }

    /// Passes the request on, and notes the outcome.
    pub(crate) async fn go(mut self) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        self.request.extensions_mut().insert(Explain);
        let mut call = self.call();
        let called = self.inner.oneshot(self.request);
        let response = call.drive(called, false).await?;
        Ok(settle(call, response))
    }

    /// Passes a hit on. One that does not come `at_once` as it should is a miss.
    pub(crate) async fn hit(self, at_once: bool) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        let mut call = self.call();
        let called = self.inner.oneshot(self.request);
        let response = call.drive(called, at_once).await?;
        Ok(settle(call, response))
    }

    /// Passes on a hit whose draw says that it refreshes. The draw used the record, which is a
    /// hint, so the same draw is checked against the expiry that the cache reports.
    pub(crate) async fn look(
        mut self,
        uniform: f64,
        at_once: bool,
    ) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        let again = Again::of(&self.request);
        self.request.extensions_mut().insert(Explain);
        let mut call = self.call();
        let called = self.inner.clone().oneshot(self.request);
        let response = call.drive(called, at_once).await?;
        let seen = Seen::read(&response);
        let measured = self.common.shared.measured(self.asked.fingerprint);
        let strategy = &self.common.shared.config.strategy;
        let due = moment(&seen, measured).is_none_or(|moment| strategy.is_due(&moment, uniform));
        if due && matches!(seen.from, From::Hit | From::Stale) {
            let fingerprint = self.asked.fingerprint;
            self.common.refresh(self.inner, again, fingerprint, &seen);
        }
        Ok(settle(call, response))
    }

    /// Requests an expired response as it is, and refreshes it behind the response.
    pub(crate) async fn stale(
        mut self,
        window: Duration,
        at_once: bool,
    ) -> Result<Response<StampedeBody<ResB>>, S::Error> {
        let (shared, fingerprint) = (Arc::clone(self.shared()), self.asked.fingerprint);
        let again = Again::of(&self.request);
        let tolerance =
            HeaderValue::from_maybe_shared(Bytes::from(format!("max-stale={}", window.as_secs())));
        if let Ok(tolerance) = tolerance {
            let headers = self.request.headers_mut();
            headers.insert(header::CACHE_CONTROL, tolerance);
        }
        self.request.extensions_mut().insert(Explain);
        let mut call = self.call();
        let called = self.inner.clone().oneshot(self.request);
        let response = call.drive(called, at_once).await?;
        let seen = Seen::read(&response);
        match seen.from {
            From::Stale => {
                shared.counters.stale.increment();
                if !shared.is_resting(fingerprint) {
                    self.common.refresh(self.inner, again, fingerprint, &seen);
                }
            }
            From::Hit => {}
            // The cache made an unnecessary call: the next requests queue for it.
            From::Fill | From::Pass | From::Unknown => shared.never_stale(fingerprint),
        }
        Ok(settle(call, response))
    }
}

// === impl Shared ===

impl Shared {
    fn measured(&self, fingerprint: u64) -> Option<Duration> {
        self.records.get(fingerprint)?.cost()
    }

    fn is_resting(&self, fingerprint: u64) -> bool {
        let now = self.records.micros(self.config.clock.instant());
        let slot = self.records.get(fingerprint);
        slot.is_some_and(|slot| slot.is_resting(now))
    }
}
