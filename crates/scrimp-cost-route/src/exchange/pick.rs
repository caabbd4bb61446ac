//! Chooses a provider that has room for a request, within budget.

use std::{sync::Arc, time::SystemTime};

use scrimp_core::Money;
use tokio::time::Instant;

use super::{funds::Unavailable, job::Job, within::within};
use crate::{
    RouteDecision,
    bill::Bill,
    budget::Waiting,
    config::Shared,
    engine::{self, Ask, Barred, Choice},
    meter::Call,
    model::MissingModels,
    prompt::Bet,
    refuse::Refused,
    state::{Entry, State, Terms},
};

/// Provider that was picked, with money set aside and the call begun.
pub(crate) struct Picked {
    /// The call, in a box, as it is handed on often.
    pub(crate) call: Box<Call>,
    pub(crate) decision: RouteDecision,
}

/// Reason why no provider was picked.
pub(super) enum NotPicked {
    Refused(Refused),
    /// The other processes of a fleet have to be asked.
    Wait(Waiting),
}

// === impl Picked ===

impl Picked {
    /// Removes the call: it will not be made.
    pub(super) fn unmake(mut self) {
        if let Some(reservation) = self.call.reservation.take() {
            reservation.release();
        }
        self.call.unmake();
    }
}

// === impl Job ===

impl Job {
    /// Picks a provider. Waits only if the processes of a fleet share a budget.
    pub(super) async fn pick(&self, shared: &Arc<Shared>) -> Result<Picked, Refused> {
        match self.try_pick(shared, true) {
            Ok(picked) => Ok(picked),
            Err(NotPicked::Refused(refused)) => Err(refused),
            Err(NotPicked::Wait(waiting)) => Box::pin(self.pick_later(shared, waiting)).await,
        }
    }

    /// Picks a provider as soon as other processes have answered.
    async fn pick_later(
        &self,
        shared: &Arc<Shared>,
        mut waiting: Waiting,
    ) -> Result<Picked, Refused> {
        let until = Instant::now() + shared.config.timeout;
        let until = self.deadline.map_or(until, |at| until.min(at));
        loop {
            if within(until, waiting).await.is_err() {
                return Err(Refused::TimedOut);
            }
            match self.try_pick(shared, false) {
                Ok(picked) => return Ok(picked),
                Err(NotPicked::Refused(refused)) => return Err(refused),
                Err(NotPicked::Wait(again)) => waiting = again,
            }
        }
    }

    /// Picks a provider, if none has to be asked. `first` is true for the first try of an attempt.
    fn try_pick(&self, shared: &Arc<Shared>, first: bool) -> Result<Picked, NotPicked> {
        let config = &shared.config;
        let (now, wall) = (shared.now(), config.clock.wall());
        if shared.state.lock().asks_for_models() {
            // The body may be large, so it is not read under the lock.
            self.model();
        }
        self.read_prompt(shared);
        let mut state = shared.state.lock();
        let State {
            router,
            entries,
            stats,
            missing,
            caches,
        } = &mut *state;
        let failover = !self.tried.is_empty();
        stats.requests += u64::from(!failover && first);
        let mut barred = Barred::default();
        let lacking = self.lacking(missing, entries, now);
        for (index, entry) in entries.iter().enumerate() {
            if self.bars(entry, || router.in_flight(index)) || lacking.is_barred(index) {
                barred.bar(index);
            }
        }
        let bets = self.bets(caches, entries, now);
        let cost = |index: usize| {
            let entry: &Entry = &entries[index];
            let usage = bets.get(index).and_then(Option::as_ref);
            let usage = usage.map(|bet| bet.expected(&self.usage));
            entry.cost(
                usage.as_ref().unwrap_or(&self.usage),
                self.model_for(entry),
                wall,
            )
        };
        let mut refused = None;
        // The last attempt is weighed as such: no other attempt follows.
        let ask = Ask {
            replayable: !self.is_last(shared),
            // What a cache holds of this prompt says nothing of others.
            apart: bets.iter().flatten().any(|bet| bet.held > 0),
            ..self.ask
        };
        loop {
            let choice = match router.choose(now, &ask, &barred, cost) {
                Ok(choice) => choice,
                Err(none) => {
                    let refused = refused.unwrap_or(Refused::NoCandidate(none));
                    return Err(NotPicked::Refused(refused));
                }
            };
            let entry = &entries[choice.index];
            let bet = bets.get(choice.index).and_then(Clone::clone);
            let most = bet.as_ref().map(|bet| bet.at_most(&self.usage));
            let most = most.as_ref().unwrap_or(&self.usage);
            let no = match self.take(config, entry, wall, most) {
                Ok(reservation) => {
                    let explain = self.explain || tracing::enabled!(tracing::Level::DEBUG);
                    let terms = explain.then(|| router.terms(now, &ask, &barred, cost));
                    let expected = cost(choice.index);
                    let cached = bet.as_ref().map_or(0, Bet::cached_tokens);
                    let decision = RouteDecision {
                        cached_tokens: cached,
                        ..self.decision(entry, entries, choice, expected, terms)
                    };
                    self.place(caches, bet.as_ref(), now);
                    let ticket = router.started(now, choice.index);
                    stats.begun(failover);
                    let call = Box::new(Call {
                        shared: Arc::clone(shared),
                        provider: Arc::clone(&entry.provider),
                        ticket,
                        began: now,
                        failover,
                        reservation,
                        bill: self.bill(entry, wall),
                        bet,
                        reader: None,
                        bytes_out: 0,
                        failed: None,
                        status: None,
                        learnt: false,
                        ended: None,
                    });
                    drop(state);
                    trace(&decision);
                    return Ok(Picked { call, decision });
                }
                Err(no) => no,
            };
            barred.bar(choice.index);
            match no {
                Unavailable::Full => {}
                Unavailable::Wait(waiting) => return Err(NotPicked::Wait(waiting)),
                Unavailable::Unpriced => refused = refused.or(Some(Refused::Unpriced)),
                Unavailable::Budget(refusal) if refusal.degrade => {
                    refused = Some(Refused::Budget(refusal));
                }
                Unavailable::Budget(refusal) => {
                    return Err(NotPicked::Refused(Refused::Budget(refusal)));
                }
                Unavailable::Tenants(tenants) => {
                    if !tenants.iter().all(|(_, refusal)| refusal.degrade) {
                        return Err(NotPicked::Refused(Refused::Tenants(tenants)));
                    }
                    let fewest = match &refused {
                        Some(Refused::Tenants(fewest)) => fewest.len(),
                        _ => usize::MAX,
                    };
                    if tenants.len() < fewest {
                        refused = Some(Refused::Tenants(tenants));
                    }
                }
            }
        }
    }

    /// Returns the providers that are known not to have the model; none, if no other is left.
    fn lacking(&self, missing: &mut MissingModels, entries: &[Entry], now: Instant) -> Barred {
        let mut lacking = Barred::default();
        if missing.is_empty() {
            return lacking;
        }
        let Some(model) = self.model() else {
            return lacking;
        };
        let mut others = 0;
        for (index, entry) in entries.iter().enumerate() {
            let is_open = !self.bars(entry, || 0);
            if missing.has(&entry.provider.name, model, now) {
                lacking.bar(index);
            } else {
                others += usize::from(is_open);
            }
        }
        if others == 0 {
            Barred::default()
        } else {
            lacking
        }
    }

    /// Returns what the cost of a call depends on.
    fn bill(&self, entry: &Entry, wall: SystemTime) -> Bill {
        let model = self.model_for(entry);
        let Terms { place, price } = entry.price(model);
        Bill {
            payer: self.payer.clone(),
            route: Arc::clone(&self.route),
            price: price.clone(),
            model: model.map(Into::into),
            stated: entry.provider.stated_cost,
            sent: self.usage,
            used: entry.used(place, wall),
            before: self.before.clone(),
            passing: false,
        }
    }

    fn bars(&self, entry: &Entry, in_flight: impl Fn() -> usize) -> bool {
        let provider = &entry.provider;
        let full = provider.concurrency.is_some_and(|most| in_flight() >= most);
        let tried = self
            .tried
            .iter()
            .any(|tried| tried.provider == provider.name);
        let lacks = self.tags.iter().any(|tag| !provider.tags.contains(tag));
        let unmappable = provider.map.is_some() && self.whole.is_none();
        let small = self
            .outgrown
            .is_some_and(|refused| !provider.limits.are_above(refused, self.size()));
        full || tried || lacks || unmappable || small
    }

    fn decision(
        &self,
        entry: &Entry,
        entries: &[Entry],
        choice: Choice,
        expected: Option<Money>,
        terms: Option<Vec<engine::Terms>>,
    ) -> RouteDecision {
        let names = entries.iter().map(|entry| Arc::clone(&entry.provider.name));
        RouteDecision {
            provider: Arc::clone(&entry.provider.name),
            reason: choice.reason,
            score: choice.score,
            expected,
            cached_tokens: 0,
            tried: self.tried.clone(),
            accepted: true,
            candidates: names.zip(terms.unwrap_or_default()).collect(),
        }
    }
}

/// Records one event per choice, with every candidate's terms.
fn trace(decision: &RouteDecision) {
    tracing::debug!(
        provider = &*decision.provider,
        reason = decision.reason.name(),
        score = %decision.score,
        attempt = decision.tried.len() + 1,
        candidates = ?decision.candidates,
        "provider chosen"
    );
}
