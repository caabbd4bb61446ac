//! The tenant, or the tenants, that a request is charged to.

use std::sync::Arc;

use http::Extensions;
use scrimp_core::{
    AccountName, Currency, Ledger, Money,
    extensions::{Tenant, TenantShares},
};

use crate::Usage;

/// The tenant, or the tenants, that a request is charged to.
#[derive(Debug, Clone)]
pub(crate) enum Payer {
    One(Arc<str>),
    Many(TenantShares),
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

    /// Books a paid call. The first of several tenants has the call, and each has its share of the
    /// cost and of the tokens.
    pub(crate) fn book(&self, ledger: &Ledger, paid: &Paid<'_>) {
        let currency = paid.cost.map_or(Currency::USD, Money::currency);
        let cost = paid.cost.unwrap_or(Money::ZERO);
        let account = |tenant: &str| {
            let name = AccountName::new("cost-route", tenant, paid.route, currency);
            let account = ledger.open(name.model(paid.model.unwrap_or_default()));
            if paid.passing {
                account.passing()
            } else {
                account
            }
        };
        let tokens = |of: fn(&Usage) -> u64| paid.usage.map_or(0, of);
        let [prompt, completion] = [tokens(Usage::prompt), tokens(Usage::completion)];
        match self {
            Self::One(tenant) => {
                let account = account(tenant);
                account.used(prompt, completion);
                account.made(cost);
            }
            Self::Many(shares) => {
                let tokens = [prompt, completion].map(|tokens| split(shares, tokens));
                let parts = shares.tenants().iter().zip(shares.split(cost));
                for (index, (Tenant(tenant), part)) in parts.enumerate() {
                    let account = account(tenant);
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
    let parts = shares.split(Money::from_pico(tokens.into(), Currency::USD));
    let parts = parts.into_iter();
    parts
        .map(|part| u64::try_from(part.pico()).unwrap_or_default())
        .collect()
}
