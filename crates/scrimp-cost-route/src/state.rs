//! Providers, and their observations.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use scrimp_core::{Clock, Money, SettingError, Totals};
use std::num::NonZeroU32;
use tokio::time::Instant;

use crate::{
    CostRouteStats, Period, Price, TokenClass, Usage,
    engine::{Outcome, Router, RouterConfig},
    model::MissingModels,
    profile::Profile,
    prompt::Caches,
};

/// Share of answers that have fewer tokens than are reserved for one.
const QUANTILE: f64 = 0.95;

type Limiter = RateLimiter<NotKeyed, InMemoryState, LimitClock, NoOpMiddleware<Nanos>>;

/// State behind one lock: a decision looks at all of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) router: Router,
    pub(crate) entries: Vec<Entry>,
    pub(crate) stats: CostRouteStats,
    /// Models that providers turned out not to have.
    pub(crate) missing: MissingModels,
    pub(crate) caches: Caches,
}

/// Provider, and the state that its bill depends on. Candidates of the router have the same order.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) provider: Arc<Profile>,
    requests: Option<Limiter>,
    tokens: Option<Limiter>,
    /// Requests of the present volume period, and when it began, for each price.
    used: Vec<(SystemTime, u64)>,
    output: Output,
    /// Number of its account.
    pub(crate) account: u32,
    pub(crate) tally: Tally,
}

/// Price of a request, and its place among the provider's prices.
pub(crate) struct Terms<'a> {
    pub(crate) place: usize,
    pub(crate) price: &'a Price,
}

/// Tokens of the answers seen: their mean, and a bound on most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    mean: f64,
    high: f64,
}

/// Calls of a provider by their end, and their costs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) spent: Totals,
}

/// Clock of the layer, as the rate limiter needs it.
#[derive(Debug, Clone)]
struct LimitClock {
    clock: Clock,
    start: Instant,
}

// === impl State ===

impl State {
    /// Returns a state without providers.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or lacks an exchange rate.
    pub(crate) fn new(config: RouterConfig, start: Instant) -> Result<Self, SettingError> {
        Ok(Self {
            router: Router::new(config, start)?,
            entries: Vec::new(),
            stats: CostRouteStats::default(),
            missing: MissingModels::new(),
            caches: Caches::new(start),
        })
    }

    /// Adds a provider, or replaces the one of its name: its observations are kept.
    pub(crate) fn put(&mut self, provider: Profile, clock: &Clock) {
        self.missing.clear();
        let prior = provider.prior;
        let mut entry = Entry::new(provider, clock);
        let profile = &entry.provider;
        entry.account = self.caches.account(profile.account(), profile.caching);
        match self.find(&entry.provider.name) {
            Some(index) => {
                self.router.set_prior(index, prior);
                let old = std::mem::replace(&mut self.entries[index], entry);
                self.entries[index].keep_used(&old);
                self.entries[index].output = old.output;
                self.entries[index].tally = old.tally;
            }
            None => {
                self.router.add(prior);
                self.entries.push(entry);
            }
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let found = self.find(name);
        if let Some(index) = found {
            self.router.remove(index);
            self.entries.remove(index);
            self.missing.clear();
        }
        found.is_some()
    }

    /// Sets a provider's price. Returns false if there is no provider of the name.
    pub(crate) fn set_price(&mut self, name: &str, price: Price) -> bool {
        let found = self.find(name);
        if let Some(index) = found {
            let provider = &mut self.entries[index].provider;
            // Calls under way keep the price they began with.
            Arc::make_mut(provider).price = price;
        }
        found.is_some()
    }

    /// Reports whether a choice may depend on the model that a request names.
    pub(crate) fn asks_for_models(&self) -> bool {
        let mut entries = self.entries.iter();
        !self.missing.is_empty() || entries.any(|entry| !entry.provider.models.is_empty())
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| *entry.provider.name == *name)
    }
}

// === impl Tally ===

impl Tally {
    /// Counts a call that has ended.
    pub(crate) fn ended(&mut self, outcome: Outcome, cost: Option<Money>) {
        match outcome {
            Outcome::Succeeded => self.succeeded += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::Cancelled => self.cancelled += 1,
        }
        if let Some(cost) = cost {
            self.spent.add(cost);
        }
    }
}

// === impl Entry ===

impl Entry {
    fn new(provider: Profile, clock: &Clock) -> Self {
        let limiter = |per_minute: Option<NonZeroU32>| {
            let clock = LimitClock {
                start: clock.instant(),
                clock: clock.clone(),
            };
            per_minute.map(|n| RateLimiter::direct_with_clock(Quota::per_minute(n), clock))
        };
        Self {
            requests: limiter(provider.requests_per_minute),
            tokens: limiter(provider.tokens_per_minute),
            used: vec![(SystemTime::UNIX_EPOCH, 0); provider.models.len() + 1],
            provider: Arc::new(provider),
            tally: Tally::default(),
            output: Output {
                mean: 256.0,
                high: 1_024.0,
            },
            account: 0,
        }
    }

    /// Returns the terms of requests that name a model.
    pub(crate) fn price(&self, model: Option<&str>) -> Terms<'_> {
        let place = self.provider.price_place(model);
        Terms {
            place,
            price: self.provider.price_at(place),
        }
    }

    fn period(&self, place: usize) -> Option<Period> {
        match self.provider.price_at(place) {
            Price::Known(tariff) => tariff.volume_period(),
            Price::Unknown | Price::Free => None,
        }
    }

    /// Takes over the counts of a provider of the same name.
    fn keep_used(&mut self, old: &Self) {
        for (place, (model, _)) in self.provider.prices().enumerate() {
            let from = old.provider.price_place(model);
            let same = model.is_none() == (from == 0);
            if same {
                self.used[place] = old.used[from];
            }
        }
    }

    /// Returns the number of earlier requests at a price within its volume period.
    pub(crate) fn used(&self, place: usize, now: SystemTime) -> u64 {
        let began = self.period(place).map(|period| period.bounds(now).0);
        match self.used[place] {
            (at, used) if began == Some(at) => used,
            _ => 0,
        }
    }

    /// Returns the expected cost of a request that names a model, as far as its price is known.
    pub(crate) fn cost(
        &self,
        usage: &Usage,
        model: Option<&str>,
        now: SystemTime,
    ) -> Option<Money> {
        let Terms { place, price } = self.price(model);
        price.cost(&self.expect(usage, false), now, self.used(place, now))
    }

    /// Counts a call that is paid, by the price that it began with.
    pub(crate) fn count(&mut self, model: Option<&str>, now: SystemTime, usage: Option<&Usage>) {
        let place = self.provider.price_place(model);
        if let Some(period) = self.period(place) {
            let began = period.bounds(now).0;
            self.used[place] = (began, self.used(place, now) + 1);
        }
        if let Some(usage) = usage {
            self.output.learn(usage.completion());
        }
    }

    /// Takes room for a request of this many tokens from the quotas. Returns false if there is
    /// none.
    pub(crate) fn take_quota(&self, tokens: u64) -> bool {
        if self
            .requests
            .as_ref()
            .is_some_and(|limit| limit.check().is_err())
        {
            return false;
        }
        let tokens = NonZeroU32::new(u32::try_from(tokens).unwrap_or(u32::MAX));
        match (&self.tokens, tokens) {
            // A request for more than a minute allows never fits.
            (Some(limit), Some(tokens)) => matches!(limit.check_n(tokens), Ok(Ok(()))),
            _ => true,
        }
    }

    /// Returns the usage with answer tokens added, if the request states none: the usual
    /// number, or, if `high`, a number that almost all answers stay below.
    pub(crate) fn expect<'a>(&self, usage: &'a Usage, high: bool) -> Cow<'a, Usage> {
        if usage.completion() > 0 || usage.prompt() == 0 {
            return Cow::Borrowed(usage);
        }
        let tokens = if high {
            self.output.high
        } else {
            self.output.mean
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a token count, at least 0"
        )]
        Cow::Owned(usage.with(TokenClass::Output, tokens.ceil() as u64))
    }
}

// === impl Output ===

impl Output {
    /// Learns the tokens of an answer. The mean moves a tenth of the way. The bound rises by
    /// large steps and falls by small ones, so that a twentieth of the answers is above it.
    #[expect(clippy::cast_precision_loss, reason = "a token count")]
    fn learn(&mut self, tokens: u64) {
        let tokens = tokens as f64;
        self.mean += 0.1 * (tokens - self.mean);
        let step = 0.2 * self.high.max(16.0);
        self.high += if tokens > self.high {
            step * QUANTILE
        } else {
            -step * (1.0 - QUANTILE)
        };
    }
}

// === impl LimitClock ===

impl GovernorClock for LimitClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let elapsed: Duration = self.clock.instant().saturating_duration_since(self.start);
        elapsed.into()
    }
}

#[cfg(test)]
mod tests;
