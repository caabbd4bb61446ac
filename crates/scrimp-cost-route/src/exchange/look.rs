//! One look at all providers, and the start of a call to one of them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::MutexGuard;
use scrimp_core::Money;
use tokio::time::Instant;

use super::{funds::Unavailable, job::Job, pick::Picked, prompts::Bets};
use crate::{
    RouteDecision,
    bill::Bill,
    budget::Reservation,
    config::{Config, Shared},
    engine::{self, Ask, Barred, Choice, Reason},
    meter::Call,
    payer::Tags,
    prompt::Bet,
    state::{Entry, State, Terms},
};

/// Findings of a request that looks at all providers.
pub(super) struct Look {
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
    pub(super) ask: Ask,
    pub(super) barred: Barred,
    pub(super) bets: Bets,
    /// Time after which the first provider without room in its quotas has some.
    pub(super) room: Option<Duration>,
}

// === impl Job ===

impl Job {
    /// Locks the state, with what choices depend on read before: that takes its time, so not under the
    /// lock.
    pub(super) fn prepared<'s>(&self, shared: &'s Shared) -> MutexGuard<'s, State> {
        let state = shared.state.lock();
        let reads_model = self.model.get().is_none() && state.asks_for_models();
        let reads_prompt = self.text.get().is_none() && state.caches.is_used();
        if !reads_model && !reads_prompt {
            return state;
        }
        drop(state);
        if reads_model {
            self.model();
        }
        if reads_prompt {
            self.read_prompt();
        }
        shared.state.lock()
    }

    /// Looks at all providers.
    pub(super) fn look(&self, shared: &Shared, state: &mut State) -> Look {
        let (now, wall) = (shared.now(), shared.config.clock.wall());
        let State {
            router,
            entries,
            missing,
            caches,
            quotas,
            ..
        } = state;
        let mut barred = Barred::default();
        let lacking = self.lacking(missing, entries, now);
        for (index, entry) in entries.iter().enumerate() {
            if self.bars(entry, || router.in_flight(index)) || lacking.is_barred(index) {
                barred.bar(index);
            }
        }
        let bets = self.bets(caches, entries, now);
        let room = self.look_for_room(
            shared,
            quotas,
            (entries.as_slice(), &bets),
            now,
            &mut barred,
        );
        // The last attempt is weighed as such: no other attempt follows.
        let ask = Ask {
            replayable: !self.is_last(shared),
            // What a cache holds of this prompt says nothing of others.
            apart: bets.iter().flatten().any(|bet| bet.held > 0),
            ..self.ask
        };
        Look {
            now,
            wall,
            ask,
            barred,
            bets,
            room,
        }
    }

    /// Returns the expected cost of a call to a provider.
    pub(super) fn cost(&self, look: &Look, entries: &[Entry], index: usize) -> Option<Money> {
        let entry = &entries[index];
        let usage = look.bet(index).map(|bet| bet.expected(&self.usage));
        let usage = usage.as_ref().unwrap_or(&self.usage);
        entry.cost(usage, self.model_for(entry), look.wall)
    }

    /// Takes the money that a call to a provider needs.
    pub(super) fn afford(
        &self,
        config: &Config,
        entries: &[Entry],
        look: &Look,
        index: usize,
    ) -> Result<Option<Reservation>, Unavailable> {
        let most = look.bet(index).map(|bet| bet.at_most(&self.usage));
        let most = most.as_ref().unwrap_or(&self.usage);
        self.take(config, &entries[index], look.wall, most)
    }

    /// Starts a call to a provider that was chosen.
    pub(super) fn start(
        &self,
        shared: &Arc<Shared>,
        state: &mut State,
        look: &Look,
        choice: Choice,
        reservation: Option<Reservation>,
    ) -> Picked {
        let hedge = self.plan(shared, state, look, &choice);
        let State {
            router,
            entries,
            stats,
            caches,
            quotas,
            ..
        } = state;
        let (now, index) = (look.now, choice.index);
        let cost = |index| self.cost(look, entries, index);
        let explain = self.explain || tracing::enabled!(tracing::Level::DEBUG);
        let terms = explain.then(|| router.terms(now, &look.ask, &look.barred, cost));
        let bet = look.bet(index).cloned();
        let wait = Duration::from_secs_f64(look.barred.wait(index));
        let entry = &entries[index];
        let mut decision = Box::new(self.decision(entry, entries, choice, cost(index), terms));
        decision.cached_tokens = bet.as_ref().map_or(0, Bet::cached_tokens);
        decision.waited = wait;
        self.place(caches, bet.as_ref(), now);
        let need = self.need(entry, bet.as_ref());
        let model = self.model_of_quotas(quotas);
        let taken = quotas.take(now, entry.account, model, need, wait);
        let ticket = router.started(now, index);
        let failover = !self.tried.is_empty();
        let hedged = choice.reason == Reason::Hedged;
        stats.begun(failover, hedged);
        let call = Box::new(Call {
            shared: Arc::clone(shared),
            provider: Arc::clone(&entry.provider),
            ticket,
            waits: !wait.is_zero(),
            quota: Some(taken),
            began: now,
            failover,
            hedged,
            reservation,
            bill: self.bill(entry, look.wall),
            bet,
            reader: None,
            bytes_out: 0,
            failed: None,
            status: None,
            has_begun: false,
            drained: false,
            learnt: false,
            ended: None,
        });
        if call.waits {
            // Its time counts from the end of the wait on.
            router.unmade(ticket);
            stats.waited += 1;
            entries[index].waiting += 1;
        }
        Picked {
            call,
            decision,
            hedge,
        }
    }

    /// Returns what the cost of a call depends on.
    fn bill(&self, entry: &Entry, wall: SystemTime) -> Bill {
        let model = self.model_for(entry);
        let Terms { place, price } = entry.price(model);
        Bill {
            payer: self.payer.clone(),
            tags: Tags::of(&self.parts.extensions),
            route: Arc::clone(&self.route),
            price: price.clone(),
            model: model.map(Into::into),
            stated: entry.provider.stated_cost,
            sent: self.usage,
            used: entry.used(place, wall),
            before: self.before.clone(),
            beside: None,
            passing: false,
        }
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
        let candidates = terms.map_or_else(Vec::new, |terms| names.zip(terms).collect());
        RouteDecision {
            provider: Arc::clone(&entry.provider.name),
            reason: choice.reason,
            score: choice.score,
            expected,
            cached_tokens: 0,
            waited: Duration::ZERO,
            tried: self.tried.clone(),
            hedged: None,
            accepted: true,
            candidates,
        }
    }
}

// === impl Look ===

impl Look {
    pub(super) fn bet(&self, index: usize) -> Option<&Bet> {
        self.bets.get(index)?.as_ref()
    }
}
