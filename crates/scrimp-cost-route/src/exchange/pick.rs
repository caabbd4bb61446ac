//! Chooses a provider that has room for a request, within budget.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use scrimp_core::Money;

use super::job::Job;
use crate::{
    RouteDecision, Tap, Usage,
    budget::{Refusal, Reservation},
    config::{Config, Shared},
    engine::{Ask, Barred, Choice, Terms},
    meter::Call,
    refuse::Refused,
    state::{Entry, State},
};

/// Provider that was picked, with money set aside and the call begun.
pub(crate) struct Picked {
    /// The call, in a box, as it is handed on often.
    pub(crate) call: Box<Call>,
    pub(crate) decision: RouteDecision,
}

/// Reason for which a chosen candidate is unavailable.
enum Unavailable {
    Full,
    Budget(Box<Refusal>),
    Unpriced,
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
    pub(crate) fn pick(&self, shared: &Arc<Shared>) -> Result<Picked, Refused> {
        let config = &shared.config;
        let (now, wall) = (shared.now(), config.clock.wall());
        let mut state = shared.state.lock();
        let State {
            router,
            entries,
            stats,
        } = &mut *state;
        let failover = !self.tried.is_empty();
        stats.requests += u64::from(!failover);
        let mut barred = Barred::default();
        for (index, entry) in entries.iter().enumerate() {
            if self.bars(entry, || router.in_flight(index)) {
                barred.bar(index);
            }
        }
        let cost = |index: usize| {
            let entry: &Entry = &entries[index];
            let usage = entry.expect(&self.usage, false);
            entry.price().cost(&usage, wall, entry.used(wall))
        };
        let mut refused = None;
        // The last attempt is weighed as such: no other attempt follows.
        let ask = Ask {
            replayable: !self.is_last(shared),
            ..self.ask
        };
        loop {
            let choice = match router.choose(now, &ask, &barred, cost) {
                Ok(choice) => choice,
                Err(none) => return Err(refused.unwrap_or(Refused::NoCandidate(none))),
            };
            let entry = &entries[choice.index];
            let no = match self.take(config, entry, wall) {
                Ok(reservation) => {
                    let explain = self.explain || tracing::enabled!(tracing::Level::DEBUG);
                    let terms = explain.then(|| router.terms(now, &ask, &barred, cost));
                    let decision = self.decision(entry, entries, choice, wall, terms);
                    let ticket = router.started(now, choice.index);
                    stats.begun(failover);
                    let call = Box::new(Call {
                        shared: Arc::clone(shared),
                        provider: Arc::clone(&entry.provider),
                        ticket,
                        failover,
                        reservation,
                        tenant: Arc::clone(&self.tenant),
                        route: Arc::clone(&self.route),
                        sent: self.usage,
                        used: entry.used(wall),
                        tap: Tap::new(),
                        bytes_out: 0,
                        failed: None,
                        answered: false,
                        ended: false,
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
                Unavailable::Unpriced => refused = refused.or(Some(Refused::Unpriced)),
                Unavailable::Budget(refusal) if refusal.degrade => {
                    refused = Some(Refused::Budget(refusal));
                }
                Unavailable::Budget(refusal) => return Err(Refused::Budget(refusal)),
            }
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
        full || tried || lacks || unmappable
    }

    /// Takes what a call needs: room in the quotas, and money.
    fn take(
        &self,
        config: &Config,
        entry: &Entry,
        wall: SystemTime,
    ) -> Result<Option<Reservation>, Unavailable> {
        let Some(budget) = &config.budget else {
            return self.quota(entry).map(|()| None);
        };
        let usage = match config.strict {
            Some(most) => Cow::Owned(larger(most, self.usage)),
            None => entry.expect(&self.usage, true),
        };
        let cost = entry.price().cost(&usage, wall, entry.used(wall));
        // A free call has no currency to convert. A price with a currency needs a rate to that
        // of each cap, even if the amount is not known yet.
        let currency = entry.price().currency();
        let amount = match (cost, config.strict) {
            (Some(cost), _) => currency.map(|_| cost),
            (None, None) => currency.map(Money::zero),
            (None, Some(_)) => return Err(Unavailable::Unpriced),
        };
        let name = &entry.provider.name;
        let reserved = budget.set_aside(amount, &self.tenant, name, &self.route);
        debug_assert!(
            reserved
                .as_ref()
                .err()
                .is_none_or(|refusal| refusal.no_rate.is_none()),
            "prices are checked against the caps before they are taken: {reserved:?}"
        );
        let reservation = reserved.map_err(Unavailable::Budget)?;
        // Last, as a place in a quota can't be given back.
        self.quota(entry)?;
        Ok(Some(reservation))
    }

    fn quota(&self, entry: &Entry) -> Result<(), Unavailable> {
        let usage = entry.expect(&self.usage, false);
        let tokens = usage.prompt().saturating_add(usage.completion());
        if entry.take_quota(tokens) {
            Ok(())
        } else {
            Err(Unavailable::Full)
        }
    }

    fn decision(
        &self,
        entry: &Entry,
        entries: &[Entry],
        choice: Choice,
        wall: SystemTime,
        terms: Option<Vec<Terms>>,
    ) -> RouteDecision {
        let usage = entry.expect(&self.usage, false);
        let names = entries.iter().map(|entry| Arc::clone(&entry.provider.name));
        RouteDecision {
            provider: Arc::clone(&entry.provider.name),
            reason: choice.reason,
            score: choice.score,
            expected: entry.price().cost(&usage, wall, entry.used(wall)),
            tried: self.tried.clone(),
            accepted: true,
            candidates: names.zip(terms.unwrap_or_default()).collect(),
        }
    }
}

/// Returns at least as much of everything as either usage.
fn larger(a: Usage, b: Usage) -> Usage {
    let mut usage = a;
    for class in crate::TokenClass::ALL {
        usage = usage.with(class, a.tokens(class).max(b.tokens(class)));
    }
    usage.bytes_in = a.bytes_in.max(b.bytes_in);
    usage.bytes_out = a.bytes_out.max(b.bytes_out);
    usage
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
