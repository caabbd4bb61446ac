//! Providers, and their observations.

use std::{borrow::Cow, num::NonZeroU32, sync::Arc, time::SystemTime};

use scrimp_core::{Money, SettingError, Totals};
use tokio::time::Instant;

use crate::{
    CostRouteStats, Period, Price, TokenClass, Usage,
    engine::{Outcome, Router, RouterConfig},
    model::MissingModels,
    partial::Learned,
    profile::Profile,
    prompt::Caches,
    quota::Quotas,
};

/// Share of answers that have fewer tokens than are reserved for one.
const QUANTILE: f64 = 0.95;

/// State behind one lock: a decision looks at all of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) router: Router,
    pub(crate) entries: Vec<Entry>,
    pub(crate) stats: CostRouteStats,
    /// Models that providers turned out not to have.
    pub(crate) missing: MissingModels,
    pub(crate) caches: Caches,
    pub(crate) quotas: Quotas,
}

/// Provider, and the state that its bill depends on. Candidates of the router have the same order.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) provider: Arc<Profile>,
    /// Requests of the present volume period, and when it began, for each price.
    used: Vec<(SystemTime, u64)>,
    output: Output,
    /// Knowledge from whole answers at each price. In boxes, as a table has thousands of models.
    learned: Vec<Option<Box<Learned>>>,
    /// Number of its account.
    pub(crate) account: u32,
    /// Number of calls that wait for room in its quotas.
    pub(crate) waiting: usize,
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
            quotas: Quotas::new(start),
        })
    }

    /// Adds a provider, or replaces the one of its name: its observations are kept.
    pub(crate) fn put(&mut self, provider: Profile, now: Instant) {
        self.missing.clear();
        let prior = provider.prior;
        let mut entry = Entry::new(provider);
        let profile = &entry.provider;
        entry.account = self.caches.account(profile.account(), profile.caching);
        let account = entry.account;
        let mut left = None;
        match self.find(&entry.provider.name) {
            Some(index) => {
                self.router.set_prior(index, prior);
                let old = std::mem::replace(&mut self.entries[index], entry);
                left = Some(old.account);
                self.entries[index].keep_used(&old);
                self.entries[index].output = old.output;
                self.entries[index].waiting = old.waiting;
                self.entries[index].tally = old.tally;
            }
            None => {
                self.router.add(prior);
                self.entries.push(entry);
            }
        }
        self.limit(account, now);
        if let Some(left) = left.filter(|left| *left != account) {
            self.limit(left, now);
        }
    }

    pub(crate) fn remove(&mut self, name: &str, now: Instant) -> bool {
        let found = self.find(name);
        if let Some(index) = found {
            self.router.remove(index);
            let entry = self.entries.remove(index);
            self.limit(entry.account, now);
            self.missing.clear();
        }
        found.is_some()
    }

    /// Sets the limits of an account: of each kind, the lowest that one of its providers states.
    fn limit(&mut self, account: u32, now: Instant) {
        let of = self.entries.iter().filter(|entry| entry.account == account);
        let lowest = |limit: fn(&Profile) -> Option<NonZeroU32>| {
            let limits = of.clone().filter_map(|entry| limit(&entry.provider));
            limits.min().map(|limit| f64::from(limit.get()))
        };
        let requests = lowest(|profile| profile.requests_per_minute);
        let tokens = lowest(|profile| profile.tokens_per_minute);
        self.quotas.set_limits(now, account, requests, tokens);
    }

    /// Returns the name of an account that a provider has.
    pub(crate) fn account(&self, account: u32) -> Option<&Arc<str>> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.account == account)?;
        Some(entry.provider.account())
    }

    /// Returns the number of calls under way to an account.
    pub(crate) fn in_flight(&self, account: u32) -> usize {
        let each = self.entries.iter().enumerate();
        let of = each.filter(|(_, entry)| entry.account == account);
        of.map(|(index, _)| self.router.in_flight(index)).sum()
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
        !self.missing.is_empty()
            || self.quotas.is_by_model()
            || entries.any(|entry| !entry.provider.models.is_empty())
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
    fn new(provider: Profile) -> Self {
        Self {
            used: vec![(SystemTime::UNIX_EPOCH, 0); provider.models.len() + 1],
            learned: vec![None; provider.models.len() + 1],
            provider: Arc::new(provider),
            tally: Tally::default(),
            output: Output {
                mean: 256.0,
                high: 1_024.0,
            },
            account: 0,
            waiting: 0,
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
                self.learned[place].clone_from(&old.learned[from]);
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
        let usage = match price.depends_on_tokens() {
            true => self.expect(usage, false),
            false => Cow::Borrowed(usage),
        };
        price.cost(&usage, now, self.used(place, now))
    }

    /// Returns the cost of a request as soon as it is sent, without an answer, as far as it is known.
    pub(crate) fn cost_of_sending(
        &self,
        usage: &Usage,
        model: Option<&str>,
        now: SystemTime,
    ) -> Option<Money> {
        let Terms { place, price } = self.price(model);
        let mut sent = *usage;
        for class in TokenClass::ALL
            .into_iter()
            .filter(|class| !class.is_input())
        {
            sent = sent.with(class, 0);
        }
        price.cost(&sent, now, self.used(place, now))
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

    /// Returns what was learned of whole answers at the price of a model, if there were any.
    pub(crate) fn learned(&self, model: Option<&str>) -> Option<&Learned> {
        let place = self.provider.price_place(model);
        self.learned[place].as_deref()
    }

    /// Returns the same, to learn more.
    pub(crate) fn learn(&mut self, model: Option<&str>) -> &mut Learned {
        let place = self.provider.price_place(model);
        self.learned[place].get_or_insert_with(|| Box::new(Learned::new()))
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

#[cfg(test)]
mod tests;
