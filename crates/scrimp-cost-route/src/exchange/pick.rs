//! Chooses a provider that has room for a request, within budget.

use std::{sync::Arc, time::SystemTime};

use super::{funds::Unavailable, job::Job};
use crate::{
    RouteDecision, Tap,
    config::Shared,
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
                        payer: self.payer.clone(),
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
                Unavailable::Tenants(tenants) => {
                    if !tenants.iter().all(|(_, refusal)| refusal.degrade) {
                        return Err(Refused::Tenants(tenants));
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
