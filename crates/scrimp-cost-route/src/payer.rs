//! The tenant, or the tenants, that a request is charged to.

use std::sync::Arc;

use http::Extensions;
use scrimp_core::{
    AccountName, Currency, Ledger, Money,
    extensions::{CostTags, Tenant, TenantShares},
};

use crate::Usage;

/// The tenant, or the tenants, that a request is charged to.
#[derive(Debug, Clone)]
pub(crate) enum Payer {
    One(Arc<str>),
    Many(TenantShares),
}

/// Tags that a request's cost is attributed to: the same for all of it, or those of each share.
#[derive(Debug, Clone)]
pub(crate) enum Tags {
    One(CostTags),
    /// Shares with tags of their own, and the tags of those without.
    Each(TenantShares, CostTags),
}

/// A paid call, as it is booked.
pub(crate) struct Paid<'a> {
    pub(crate) route: &'a str,
    pub(crate) model: Option<&'a str>,
    /// The usage, if the price depends on it.
    pub(crate) usage: Option<&'a Usage>,
    /// The cost, if it is known.
    pub(crate) cost: Option<Money>,
    /// True if a layer further in has booked the call.
    pub(crate) passing: bool,
}

// === impl Payer ===

impl Payer {
    /// Returns the payer that a request names, if it names one.
    pub(crate) fn of(request: &Extensions) -> Option<Self> {
        match request.get::<TenantShares>() {
            Some(shares) => match shares.tenants() {
                [] => None,
                [Tenant(only)] => Some(Self::One(Arc::clone(only))),
                _ => Some(Self::Many(shares.clone())),
            },
            None => request
                .get()
                .map(|Tenant(name)| Self::One(Arc::clone(name))),
        }
    }
}

// === impl Tags ===

impl Tags {
    /// Returns the tags that a request names.
    pub(crate) fn of(request: &Extensions) -> Self {
        let tags = request.get().cloned().unwrap_or_default();
        match request.get::<TenantShares>() {
            Some(shares) if shares.lines().len() > 0 => Self::Each(shares.clone(), tags),
            _ => Self::One(tags),
        }
    }
}

// === impl Paid ===

impl Paid<'_> {
    /// Books the call for its payer. The first of several shares has the call, and each has its part of
    /// the cost and of the tokens.
    pub(crate) fn book(&self, ledger: &Ledger, payer: &Payer, tags: &Tags) {
        let currency = self.cost.map_or(Currency::USD, Money::currency);
        let cost = self.cost.unwrap_or(Money::ZERO);
        let account = |tenant: &str, tags: &CostTags| {
            let name = AccountName::new("cost-route", tenant, self.route, currency);
            let name = name.model(self.model.unwrap_or_default());
            let account = ledger.open(name.tags(tags));
            if self.passing {
                account.passing()
            } else {
                account
            }
        };
        let tokens = |of: fn(&Usage) -> u64| self.usage.map_or(0, of);
        let [prompt, completion] = [tokens(Usage::prompt), tokens(Usage::completion)];
        match (tags, payer) {
            (Tags::One(all), Payer::One(tenant)) => {
                let account = account(tenant, all);
                account.used(prompt, completion);
                account.made(cost);
            }
            (Tags::Each(shares, all), _) | (Tags::One(all), Payer::Many(shares)) => {
                let tokens = [prompt, completion].map(|tokens| split(shares, tokens));
                let parts = shares.lines().zip(shares.split_by_line(cost));
                for (index, ((Tenant(tenant), tags), part)) in parts.enumerate() {
                    let tags = if tags.is_empty() { all } else { tags };
                    let account = account(tenant, tags);
                    account.used(tokens[0][index], tokens[1][index]);
                    match index {
                        0 => account.made(part),
                        _ => account.paid(part),
                    }
                }
            }
        }
    }
}

/// Splits tokens as money is split, without loss.
fn split(shares: &TenantShares, tokens: u64) -> Vec<u64> {
    let parts = shares.split_by_line(Money::from_pico(tokens.into(), Currency::USD));
    let parts = parts.into_iter();
    parts
        .map(|part| u64::try_from(part.pico()).unwrap_or_default())
        .collect()
}
