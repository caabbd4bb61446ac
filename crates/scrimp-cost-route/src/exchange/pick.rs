//! Chooses a provider that has room for a request, within budget.

use std::sync::Arc;

use tokio::time::Instant;

use super::{funds::Unavailable, hedge::Plan, job::Job, within::within};
use crate::{
    RouteDecision,
    budget::Waiting,
    config::Shared,
    engine::{Barred, NoCandidate},
    meter::Call,
    model::MissingModels,
    refuse::Refused,
    state::{Entry, State},
};

/// Provider that was picked, with money set aside and the call begun.
pub(crate) struct Picked {
    /// The call, in a box, as it is handed on often.
    pub(crate) call: Box<Call>,
    /// Its explanation, in a box for the same reason.
    pub(crate) decision: Box<RouteDecision>,
    /// Second call that is made beside it if it is slow.
    pub(super) hedge: Option<Plan>,
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
        let mut state = self.prepared(shared);
        state.stats.requests += u64::from(self.tried.is_empty() && first);
        let mut look = self.look(shared, &mut state);
        let mut refused = None;
        loop {
            let State {
                router, entries, ..
            } = &mut *state;
            let cost = |index| self.cost(&look, entries, index);
            let choice = match router.choose(look.now, &look.ask, &look.barred, cost) {
                Ok(choice) => choice,
                Err(none) => {
                    let full = match none {
                        NoCandidate::NoneLeft | NoCandidate::NoneGoodEnough => look.room,
                        NoCandidate::NoExchangeRate(_) => None,
                    };
                    let none = full.map_or(Refused::NoCandidate(none), Refused::Quota);
                    return Err(NotPicked::Refused(refused.unwrap_or(none)));
                }
            };
            let no = match self.afford(&shared.config, entries, &look, choice.index) {
                Ok(reservation) => {
                    let picked = self.start(shared, &mut state, &look, choice, reservation);
                    drop(state);
                    trace(&picked.decision);
                    return Ok(picked);
                }
                Err(no) => no,
            };
            look.barred.bar(choice.index);
            match no {
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
    pub(super) fn lacking(
        &self,
        missing: &mut MissingModels,
        entries: &[Entry],
        now: Instant,
    ) -> Barred {
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

    pub(super) fn bars(&self, entry: &Entry, in_flight: impl Fn() -> usize) -> bool {
        let provider = &entry.provider;
        let calls = || in_flight() + entry.waiting;
        let full = provider.concurrency.is_some_and(|most| calls() >= most);
        let tried = self
            .tried
            .iter()
            .any(|tried| tried.provider == provider.name);
        let lacks = self.tags.iter().any(|tag| !provider.tags.contains(tag));
        let unmappable = provider.changes_bodies() && self.whole.is_none();
        let small = self
            .outgrown
            .is_some_and(|refused| !provider.limits.are_above(refused, self.size()));
        full || tried || lacks || unmappable || small
    }
}

/// Records one event per choice, with every candidate's terms.
pub(super) fn trace(decision: &RouteDecision) {
    tracing::debug!(
        provider = &*decision.provider,
        reason = decision.reason.name(),
        score = %decision.score,
        attempt = decision.tried.len() + 1,
        candidates = ?decision.candidates,
        "provider chosen"
    );
}
