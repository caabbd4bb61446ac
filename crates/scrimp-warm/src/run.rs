//! A run: it starts requests, and books their ends.

use std::{collections::VecDeque, future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt};
use http::StatusCode;
use scrimp_core::{RateLimit, Totals};
use tokio::time::{Instant, sleep_until};

use crate::{
    WarmService,
    call::{self, Ended},
    config::Config,
    event::{StopReason, WarmEvent, WarmOutcome},
    journal::{Journal, JournalError},
    limits::Limits,
    report::WarmReport,
    targets::Targets,
};

/// Shortest and longest pause after a refusal that does not say when to try again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Longest part of an error in the report.
const MAX_ERROR: usize = 500;

/// A run.
pub(crate) struct Run<'a, S> {
    config: &'a Arc<Config>,
    service: S,
    targets: &'a Targets,
    journal: Option<Journal>,
    limits: Limits,
    report: WarmReport,
    /// The first request that was not looked at yet.
    next: usize,
    /// Requests that were refused.
    again: VecDeque<usize>,
    /// Refusals in a row.
    refusals: u32,
    /// Time before which no call begins.
    paused_until: Option<Instant>,
    begun: Instant,
}

/// The next step.
enum Step {
    /// The next request may begin.
    Begin,
    Ended(usize, Box<Ended>),
    Asked,
}

// === impl Run ===

impl<'a, S> Run<'a, S> {
    pub(crate) fn new(
        config: &'a Arc<Config>,
        service: S,
        targets: &'a Targets,
    ) -> Result<Self, JournalError> {
        let journal = config.journal.as_deref().map(Journal::open).transpose()?;
        let earlier = journal
            .as_ref()
            .map(|journal| (journal.calls, journal.cost.clone()));
        let (calls, cost) = earlier.unwrap_or_default();
        let requests = targets.uris().len() * config.variants.len();
        let report = WarmReport {
            requests: requests as u64,
            earlier_calls: calls,
            earlier_cost: cost.clone(),
            ..WarmReport::default()
        };
        Ok(Self {
            limits: Limits::new(config, calls, cost),
            config,
            service,
            targets,
            journal,
            report,
            next: 0,
            again: VecDeque::new(),
            refusals: 0,
            paused_until: None,
            begun: Instant::now(),
        })
    }

    /// Makes all requests.
    pub(crate) async fn drive<ReqB>(
        mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<WarmReport, JournalError>
    where
        S: WarmService<ReqB>,
        ReqB: Default,
    {
        self.begin();
        let rate = self.config.rate.clone();
        let mut flights = FuturesUnordered::new();
        let (mut stop, mut asked) = (pin!(stop), false);
        loop {
            let next = self.next_request();
            let room = flights.len() < self.config.concurrency;
            let wants = self.report.stopped.is_none()
                && room
                && next.is_some()
                && self.limits_allow(flights.is_empty());
            if flights.is_empty() && !wants {
                break;
            }
            let turn = turn(rate.as_deref(), self.paused_until);
            let step = tokio::select! {
                biased;
                () = &mut stop, if !asked => Step::Asked,
                Some((index, ended)) = flights.next() => Step::Ended(index, ended),
                () = turn, if wants => Step::Begin,
                else => continue,
            };
            match (step, next) {
                (Step::Asked, _) => {
                    asked = true;
                    self.stop(StopReason::Asked);
                }
                (Step::Ended(index, ended), _) => self.ended(index, &ended),
                (Step::Begin, Some(index)) => {
                    self.started(index);
                    flights.push(self.call(index));
                }
                (Step::Begin, None) => {}
            }
        }
        drop(flights);
        Ok(self.finish())
    }

    fn begin(&mut self) {
        let resumed = match self.journal.as_ref() {
            None => 0,
            Some(journal) => {
                let all = 0..self.total();
                all.filter(|&index| self.is_done(journal, index)).count() as u64
            }
        };
        self.report.resumed = resumed;
        let requests = self.report.requests;
        tracing::debug!(requests, resumed, "warming begins");
        self.config.tell(&WarmEvent::Started { requests, resumed });
    }

    fn total(&self) -> usize {
        self.targets.uris().len() * self.config.variants.len()
    }

    fn split(&self, index: usize) -> (usize, usize) {
        let variants = self.config.variants.len();
        (index / variants, index % variants)
    }

    fn is_done(&self, journal: &Journal, index: usize) -> bool {
        let (uri, variant) = self.split(index);
        let fields = self.config.variants.own(variant);
        journal.is_done((&self.targets.uris()[uri], &fields))
    }

    /// Returns the next request: one that was refused, or the first that is not done.
    fn next_request(&mut self) -> Option<usize> {
        if let Some(&index) = self.again.front() {
            return Some(index);
        }
        while self.next < self.total() {
            let index = self.next;
            match &self.journal {
                Some(journal) if self.is_done(journal, index) => self.next += 1,
                _ => return Some(index),
            }
        }
        None
    }

    /// Reports whether the limits allow a further request. If they do not and nothing is in flight that could
    /// turn out to be no call, the run stops.
    fn limits_allow(&mut self, alone: bool) -> bool {
        let reason = match self.limits.check() {
            Ok(()) => return true,
            Err(reason) => reason,
        };
        if alone {
            self.stop(reason);
        }
        false
    }

    fn started(&mut self, index: usize) {
        self.limits.take();
        if self.again.front() == Some(&index) {
            self.again.pop_front();
        } else {
            self.next = index + 1;
        }
    }

    fn call<ReqB>(
        &self,
        index: usize,
    ) -> impl Future<Output = (usize, Box<Ended>)> + use<'a, S, ReqB>
    where
        S: WarmService<ReqB>,
        ReqB: Default,
    {
        let (uri, variant) = self.split(index);
        let config = Arc::clone(self.config);
        let headers = config.variants.headers(variant);
        let request = call::request(&self.targets.uris()[uri], headers, config.jitter);
        let service = self.service.clone();
        async move {
            let (limit, price) = (config.timeout, config.expected());
            let ended = call::send(service, request, limit, price, &config.clock).await;
            (index, Box::new(ended))
        }
    }

    fn ended(&mut self, index: usize, ended: &Ended) {
        let (uri, variant) = self.split(index);
        let uri = &self.targets.uris()[uri];
        let (outcome, took) = (ended.outcome, ended.took);
        self.limits.settle(ended.cost.as_ref());
        self.report.count(outcome);
        self.report.bytes += ended.bytes;
        if let Some(error) = &ended.failure {
            let text = || error.to_string().chars().take(MAX_ERROR).collect();
            self.report.first_failure.get_or_insert_with(text);
        }
        if let Some(cost) = &ended.cost {
            self.report.calls += 1;
            cost.iter().for_each(|amount| self.report.cost.add(amount));
        }
        tracing::trace!(%uri, variant, ?outcome, ?took, "a request of warming ended");
        self.config.tell(&WarmEvent::Ended {
            uri,
            variant,
            outcome,
            took,
        });
        let good = match outcome {
            WarmOutcome::Refused(status) => {
                self.again.push_back(index);
                if ended.cost.is_some() {
                    self.note(index, false, ended.cost.as_ref());
                }
                self.refused(status, ended.retry_after);
                return;
            }
            WarmOutcome::Fresh
            | WarmOutcome::Stored
            | WarmOutcome::NotStored
            | WarmOutcome::Fetched => true,
            WarmOutcome::Status(_) | WarmOutcome::Failed | WarmOutcome::TimedOut => false,
        };
        self.refusals = 0;
        if let Some(spared) = &self.config.spared
            && matches!(outcome, WarmOutcome::Stored | WarmOutcome::Fetched)
        {
            let cost = ended.cost.clone().unwrap_or_default();
            spared.note(uri, &self.config.variants.headers(variant), took, cost);
        }
        self.note(index, good, ended.cost.as_ref());
    }

    /// Writes an end into the journal.
    fn note(&mut self, index: usize, good: bool, cost: Option<&Totals>) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        let (uri, variant) = self.split(index);
        let fields = self.config.variants.own(variant);
        let identity = (&self.targets.uris()[uri], &*fields);
        // A call in several currencies is rare: the journal counts it once.
        let amount = cost.map(|cost| cost.iter().next().unwrap_or(self.config.expected()));
        let written = journal.note(identity, good, amount);
        self.journal = Some(journal);
        if let Err(error) = written {
            tracing::warn!(%error, "the journal of warming cannot be written");
            self.stop(StopReason::Journal);
        }
    }

    fn refused(&mut self, status: StatusCode, retry_after: Option<Duration>) {
        let now = Instant::now();
        // Those that were in flight when the first one was refused are of the same row.
        if self.paused_until.is_none_or(|until| now >= until) {
            self.refusals += 1;
        }
        let doubled = PAUSES
            .0
            .saturating_mul(1 << self.refusals.saturating_sub(1).min(16));
        let pause = retry_after.unwrap_or(doubled.min(PAUSES.1));
        if status == StatusCode::PAYMENT_REQUIRED
            || pause > self.config.max_pause
            || self.refusals >= self.config.max_refusals
        {
            self.stop(StopReason::Refused);
            return;
        }
        let until = now + pause;
        let before = self.paused_until.unwrap_or(now).max(now);
        if until > before {
            self.report.paused += until - before;
            self.paused_until = Some(until);
            tracing::debug!(?pause, %status, "warming pauses: a call was refused");
            self.config.tell(&WarmEvent::Paused(pause));
        }
    }

    fn stop(&mut self, reason: StopReason) {
        if self.report.stopped.is_none() {
            tracing::debug!(?reason, "warming stops");
            self.report.stopped = Some(reason);
            self.config.tell(&WarmEvent::Stopped(reason));
        }
    }

    fn finish(mut self) -> WarmReport {
        let mut left = std::mem::take(&mut self.again).len() as u64;
        while let Some(index) = self.next_request() {
            left += 1;
            self.next = index + 1;
        }
        self.report.left = left;
        if left == 0 {
            self.report.stopped = self.report.stopped.filter(|&r| r == StopReason::Journal);
        }
        if self.report.stopped.is_none()
            && let Some(journal) = &mut self.journal
            && let Err(error) = journal.finish()
        {
            tracing::warn!(%error, "the journal of warming cannot be written");
        }
        self.report.took = self.begun.elapsed();
        self.report
    }
}

/// Waits for the end of a pause, and for the rate.
async fn turn(rate: Option<&dyn RateLimit>, paused_until: Option<Instant>) {
    if let Some(until) = paused_until {
        sleep_until(until).await;
    }
    if let Some(rate) = rate {
        rate.take(1).await;
    }
}
