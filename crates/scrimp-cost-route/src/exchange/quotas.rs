//! Quotas of the providers' accounts, as far as they matter for a request.

use std::time::Duration;

use http::{StatusCode, response};
use scrimp_http::rate_limit::QuotaStates;
use tokio::time::Instant;

use super::{
    attempt::{Attempt, wait},
    job::Job,
    pick::Picked,
    prompts::Bets,
};
use crate::{
    config::Shared,
    engine::Barred,
    profile::Holder,
    prompt::Bet,
    quota::{Need, Quotas, Room, Taken},
    refuse::Refused,
    state::Entry,
};

// === impl Job ===

impl Job {
    /// Returns what a call to a provider is expected to take from its quotas.
    #[expect(clippy::cast_precision_loss, reason = "a count of tokens")]
    pub(super) fn need(&self, entry: &Entry, bet: Option<&Bet>) -> Need {
        let usage = entry.expect(&self.usage, false);
        Need {
            input: usage.prompt() as f64,
            cached: bet.map_or(0, Bet::cached_tokens) as f64,
            output: usage.completion() as f64,
        }
    }

    /// Returns the model that quotas are of.
    pub(super) fn model_of_quotas(&self, quotas: &Quotas) -> Option<&str> {
        quotas.is_by_model().then(|| self.model()).flatten()
    }

    /// Bars the providers without room in time, and delays those that have room soon. Returns the time
    /// after which the first of the barred ones has room.
    pub(super) fn look_for_room(
        &self,
        shared: &Shared,
        quotas: &mut Quotas,
        (entries, bets): (&[Entry], &Bets),
        now: Instant,
        barred: &mut Barred,
    ) -> Option<Duration> {
        if quotas.is_empty() {
            return None;
        }
        let patience = self.patience(shared).as_secs_f64();
        let model = self.model_of_quotas(quotas);
        let mut soonest: Option<f64> = None;
        for (index, entry) in entries.iter().enumerate() {
            if barred.is_barred(index) {
                continue;
            }
            let bet = bets.get(index).and_then(Option::as_ref);
            let need = self.need(entry, bet);
            let room = quotas.room(now, entry.account, model, &need);
            match room {
                Room::Now => {}
                Room::After(seconds) if seconds <= patience => {
                    barred.delay(index, Duration::from_secs_f64(seconds));
                }
                Room::After(_) | Room::Barred(_) | Room::Never => {
                    barred.bar(index);
                    let after = room.seconds();
                    soonest = match (soonest, after) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
            }
        }
        soonest.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// Returns the longest time that the request may wait for room.
    fn patience(&self, shared: &Shared) -> Duration {
        if self.is_ahead() {
            return Duration::ZERO;
        }
        let longest = shared.config.quota_wait;
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        left.map_or(longest, |left| longest.min(left))
    }
}

// === impl Picked ===

impl Picked {
    /// Waits until the call may be made.
    ///
    /// # Errors
    ///
    /// If its turn has moved, and it would have to wait much longer than it was told.
    pub(super) async fn wait(&mut self) -> Result<(), Refused> {
        let start = Instant::now();
        let mut wait = self.decision.waited;
        let most = self.call.shared.config.quota_wait.max(2 * wait);
        loop {
            tokio::time::sleep(wait).await;
            match self.call.rest() {
                None => break,
                Some(rest) if start.elapsed() + rest > most => return Err(Refused::Quota(rest)),
                Some(rest) => wait = rest,
            }
        }
        self.decision.waited = start.elapsed();
        self.call.begin();
        Ok(())
    }
}

// === impl Attempt ===

impl Attempt<'_> {
    /// Reports whether an answer is about the quotas of the provider's account. Otherwise they may be those
    /// of one caller, who must not use up the room of all.
    fn is_of_account(&self) -> bool {
        match self.holder {
            Holder::Provider => true,
            // The client may have added one.
            Holder::None => self.call.provider.account.is_some(),
            Holder::Caller => false,
        }
    }

    /// Learns what an answer states of the account's quotas, and that it refuses the call.
    pub(super) fn learn_quotas(&self, head: &response::Parts) {
        let is_refused = head.status == StatusCode::TOO_MANY_REQUESTS;
        let taken = self.call.quota.as_ref();
        let taken = taken.filter(|_| self.is_of_account());
        let states = match taken {
            Some(_) => QuotaStates::read(&head.headers, self.shared.config.clock.wall()),
            None => QuotaStates::default(),
        };
        let is_told = !states.is_empty();
        if !is_refused && !is_told && !taken.is_some_and(Taken::is_learned) {
            return;
        }
        // The body may be large, so it is not read under the lock.
        let model = self.job.model();
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        state.stats.throttled += u64::from(is_refused);
        let Some(taken) = taken else {
            return;
        };
        if is_told {
            let others = state.in_flight(taken.account()).saturating_sub(1);
            state.quotas.learn(now, model, taken, &states, others);
        }
        if is_refused {
            let asked = wait(&head.headers, self.shared);
            state.quotas.refused(now, model, taken, asked, is_told);
        } else {
            state.quotas.admitted(taken);
        }
    }
}
