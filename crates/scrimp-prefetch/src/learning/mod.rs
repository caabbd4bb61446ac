//! The state of the worker, and its conclusions from a request. Nothing here waits.

mod classes;
mod forget;
mod gate;
mod hints;
mod items;
mod plans;
mod request;
mod sessions;
mod watching;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use http::Uri;
use tokio::time::Instant;

pub(crate) use self::plans::{Plan, PlanKey};
use self::{
    classes::{Class, Classes},
    gate::Gate,
    hints::Hints,
    items::{Items, Known},
    plans::{Arrival, Asked, Due, Plans},
    sessions::{Said, Sessions},
};
use crate::{
    ItemId, Next, Prediction, Predictor, Trail, Visit,
    fetch::{Fetch, Fetched},
    request::Event,
    shared::Shared,
};

/// Predictions of one predictor for one request that are considered at all.
const CONSIDERED: usize = 32;

/// Longest time that is looked ahead.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// All that the worker knows.
#[derive(Debug)]
pub(crate) struct Learner {
    shared: Arc<Shared>,
    predictors: Vec<Box<dyn Predictor>>,
    is_quick: bool,
    sessions: Sessions,
    items: Items,
    classes: Classes,
    gate: Gate,
    plans: Plans,
    hints: Hints,
    in_flight: usize,
    /// Kept between requests, so that none allocates.
    predictions: Vec<Prediction>,
    expected: Vec<Expected>,
}

/// A prediction with what is known of its target.
#[derive(Debug)]
struct Expected {
    item: ItemId,
    /// The target, for one that was never seen.
    uri: Option<Uri>,
    said: Said,
    probability: f64,
    /// The probability, less what is uncertain of it.
    cautious: f64,
    delay: Duration,
}

// === impl Learner ===

impl Learner {
    pub(crate) fn new(shared: Arc<Shared>, predictors: Vec<Box<dyn Predictor>>) -> Self {
        let config = &shared.config;
        Self {
            is_quick: predictors.iter().all(|predictor| predictor.is_quick()),
            predictors,
            sessions: Sessions::new(config.max_sessions, config.session_idle),
            items: Items::new(config.max_items),
            classes: Classes::default(),
            gate: Gate::new(config),
            plans: Plans::new(config.max_pending),
            hints: Hints::new(config.max_sessions),
            in_flight: 0,
            predictions: Vec::new(),
            expected: Vec::new(),
            shared,
        }
    }

    /// Reports whether an event takes microseconds only.
    pub(crate) fn is_quick(&self) -> bool {
        self.is_quick
    }

    /// Returns when something is due next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.plans.next_due()
    }

    /// Learns from a request that was answered, and plans what its session will ask for next.
    pub(crate) fn learn(&mut self, event: &Event) {
        let personal = self.shared.config.personal.then_some(event.session);
        let key = |item| PlanKey {
            item,
            session: personal,
        };
        match self.plans.asked(key(event.target.item), event.at) {
            None => {}
            Some(Asked::There { in_time }) => {
                let counters = &self.shared.counters;
                let counter = if in_time {
                    &counters.useful
                } else {
                    &counters.late
                };
                counter.increment();
                self.judge(in_time, event.at);
            }
            Some(Asked::Watched(watch)) => self.end_watch(watch, event.waited),
        }
        if !self.items.note(event) {
            return;
        }
        let (classes, item) = (&mut self.classes, event.target.item);
        let mut judge =
            |said: Said, right| classes.of(said.class, false).learn(said.confidence, right);
        self.sessions.expire(event.at, |said| judge(said, false));
        let (session, since) = self
            .sessions
            .enter(event.session, event.at, |said| judge(said, false));
        session.settle(Some(item), event.at, judge);
        let visit = Visit::new(item, &event.uri, since).session(event.session);
        for predictor in &mut self.predictors {
            caught(&self.shared, || predictor.observe(&session.trail, &visit));
        }
        session.trail.push(item);
        let trail = session.trail.clone();
        self.expect(event, &trail, &visit);
        self.consider(event);
        self.report();
    }

    /// Asks all predictors, and orders what they say: the likeliest first.
    fn expect(&mut self, event: &Event, trail: &Trail, visit: &Visit<'_>) {
        self.expected.clear();
        for (place, predictor) in self.predictors.iter_mut().enumerate() {
            let predictions = &mut self.predictions;
            predictions.clear();
            caught(&self.shared, || {
                predictor.predict(trail, visit, predictions);
            });
            for prediction in predictions.drain(..).take(CONSIDERED) {
                let Some((item, uri)) = target(&self.shared, event, prediction.next) else {
                    continue;
                };
                // The first predictor counts.
                if self.expected.iter().any(|other| other.item == item) {
                    continue;
                }
                let class = Class::of(place, prediction.class);
                let confidence = prediction.confidence;
                let calibration = self.classes.of(class, predictor.is_declared());
                self.expected.push(Expected {
                    item,
                    uri,
                    said: Said { class, confidence },
                    probability: calibration.probability(confidence),
                    cautious: calibration.cautious(confidence),
                    delay: prediction.delay.min(LONGEST),
                });
            }
        }
        let by_probability = |a: &Expected, b: &Expected| b.probability.total_cmp(&a.probability);
        self.expected.sort_unstable_by(by_probability);
        self.expected.truncate(self.shared.config.per_request);
    }

    /// Keeps predictions until their outcome is known, and plans those that pay.
    fn consider(&mut self, event: &Event) {
        let shared = Arc::clone(&self.shared);
        let (config, counters) = (&shared.config, &shared.counters);
        let is_open = self.gate.is_open(event.at);
        let expected = std::mem::take(&mut self.expected);
        let mut hinted = Vec::new();
        for one in &expected {
            counters.predictions.increment();
            let until = event.at + one.delay + config.keep;
            self.sessions.open(event.session, one.item, one.said, until);
            let key = PlanKey {
                item: one.item,
                session: config.personal.then_some(event.session),
            };
            let at = event.at + one.delay.saturating_sub(config.lead);
            if !is_open || !self.gate.pays(one.probability, one.cautious) {
                counters.unpaid.increment();
                if is_open && self.gate.would_pay(one.probability, one.cautious) {
                    self.watch(key, at, event, one);
                }
                continue;
            }
            if config.is_for_browsers() {
                if config.rules.is_some() {
                    hinted.extend(self.hint_of(event, one));
                }
                continue;
            }
            if self.plans.contains(key) {
                continue;
            }
            self.give_up_watch(key);
            if self.plans.is_full() {
                counters.prefetches_full.increment();
                continue;
            }
            match self.plan_of(event, one) {
                None => counters.not_eligible.increment(),
                Some(plan) => self.plans.plan(key, at, Box::new(plan)),
            }
        }
        self.expected = expected;
        if config.rules.is_some() {
            self.hints.put(event.session, hinted);
        }
    }

    /// Makes the request of a plan. `None` if it must not be sent.
    fn plan_of(&self, event: &Event, one: &Expected) -> Option<Plan> {
        let config = &self.shared.config;
        let (uri, host, inner): (_, _, &Arc<dyn Fetch>) = match self.items.get(one.item) {
            Some(known) => {
                if !known.is_fetchable || !is_for(known, event, one) {
                    return None;
                }
                (known.uri.clone(), known.host.as_ref(), &known.inner)
            }
            // With several services, it is unknown which of them it belongs to.
            None if self.shared.services.load(Relaxed) > 1 => return None,
            None => (one.uri.clone()?, None, &event.inner),
        };
        Some(Plan {
            request: request::make(config, event, uri, host),
            session: event.session,
            cautious: one.cautious,
            inner: Arc::clone(inner),
        })
    }

    /// Returns the next prefetch that starts now.
    pub(crate) fn start(&mut self, now: Instant) -> Option<(PlanKey, Box<Plan>)> {
        let shared = Arc::clone(&self.shared);
        let counters = &shared.counters;
        while let Some(due) = self.plans.take_due(now) {
            match due {
                Due::Over => {}
                Due::Wasted => {
                    counters.wasted.increment();
                    self.judge(false, now);
                }
                Due::Watch(key, watch) => self.begin_watch(key, watch, now),
                Due::Start(_, plan) if !self.sessions.is_alive(plan.session, now) => {}
                Due::Start(..) if !self.gate.is_open(now) => counters.unpaid.increment(),
                Due::Start(..) if self.in_flight >= shared.config.fetching.max_fetches => {
                    counters.prefetches_full.increment();
                }
                Due::Start(_, plan) if !self.gate.spend(now, plan.cautious) => {
                    counters.over_budget.increment();
                }
                Due::Start(key, plan) => {
                    self.plans.started(key, plan.cautious);
                    self.in_flight += 1;
                    counters.calls.increment();
                    self.report();
                    return Some((key, plan));
                }
            }
        }
        self.report();
        None
    }

    /// Notes the end of a prefetch.
    pub(crate) fn ended(&mut self, key: PlanKey, fetched: Fetched, now: Instant) {
        self.in_flight -= 1;
        let shared = Arc::clone(&self.shared);
        let (counters, keep) = (&shared.counters, shared.config.keep);
        match fetched {
            Fetched::Stored(fresh) => {
                self.items.stored(key.item, now, fresh);
                let keep = fresh.map_or(keep, |fresh| fresh.min(keep));
                match self.plans.arrived(key, now, keep) {
                    Arrival::InTime => {}
                    Arrival::Late => {
                        counters.late.increment();
                        self.judge(false, now);
                    }
                    // Its session was forgotten meanwhile, which says nothing of the prediction.
                    Arrival::Forgotten => counters.wasted.increment(),
                }
            }
            Fetched::Fresh => {
                counters.already_fresh.increment();
                self.gate.give_back(self.plans.expected(key));
                self.plans.rest(key, now, keep);
            }
            Fetched::Unstored => {
                counters.not_stored.increment();
                self.judge(false, now);
                self.items.not_fetchable(key.item);
                self.plans.rest(key, now, keep);
            }
            Fetched::Refused => {
                counters.not_stored.increment();
                self.judge(false, now);
                self.plans.rest(key, now, keep);
            }
            Fetched::Failed => {
                counters.failed.increment();
                self.judge(false, now);
                self.plans.rest(key, now, keep);
            }
        }
        self.report();
    }

    fn judge(&mut self, useful: bool, now: Instant) {
        if self.gate.judge(useful, now) {
            self.shared.counters.shut_offs.increment();
            tracing::info!("prefetches did not pay; none for a while");
        }
        let is_shut = self.gate.is_shut();
        self.shared.gauges.is_shut.store(is_shut, Relaxed);
    }

    fn report(&self) {
        let gauges = &self.shared.gauges;
        gauges.sessions.store(self.sessions.len() as u64, Relaxed);
        gauges.entries.store(self.items.len() as u64, Relaxed);
        gauges.in_flight.store(self.in_flight as u64, Relaxed);
        gauges.is_shut.store(self.gate.is_shut(), Relaxed);
    }
}

/// Reports whether a session may be told of a target.
fn is_for(known: &Known, event: &Event, one: &Expected) -> bool {
    // What a rule names is no secret of a session.
    let is_own = known.is_common || known.first == event.session || one.uri.is_some();
    // On another host, the fields of this session mean nothing, or too much.
    known.origin == event.target.origin && is_own
}

/// Runs a predictor, which may panic.
fn caught(shared: &Shared, run: impl FnOnce()) {
    // What a panic leaves behind is the predictor's own, and whatever it says is only a prediction.
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        shared.counters.predictor_failures.increment();
    }
}

/// Returns the target of a prediction, and its URI if it was never seen.
fn target(shared: &Shared, event: &Event, next: Next) -> Option<(ItemId, Option<Uri>)> {
    match next {
        Next::Item(item) => Some((item, None)),
        Next::Path(path) => {
            let mut parts = event.uri.clone().into_parts();
            parts.path_and_query = Some(path.try_into().ok()?);
            let uri = Uri::from_parts(parts).ok()?;
            let tenant = event.tenant.as_ref();
            let target = shared
                .names
                .target(&uri, event.version, &event.headers, tenant);
            Some((target.item, Some(uri)))
        }
    }
}
