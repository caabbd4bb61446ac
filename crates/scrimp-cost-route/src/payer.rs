//! The tenant, or the tenants, that a request is charged to.

use std::sync::Arc;

use http::Extensions;
use scrimp_core::{
    Currency, Ledger, Money,
    extensions::{Tenant, TenantShares},
};

/// The tenant, or the tenants, that a request is charged to.
#[derive(Debug, Clone)]
pub(crate) enum Payer {
    One(Arc<str>),
    Many(TenantShares),
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
    /// cost.
    /// A call that a layer further in has booked is `passing`.
    pub(crate) fn book(&self, ledger: &Ledger, route: &str, cost: Option<Money>, passing: bool) {
        let currency = cost.map_or(Currency::USD, Money::currency);
        let cost = cost.unwrap_or(Money::ZERO);
        let account = |tenant: &str| {
            let account = ledger.account("cost-route", tenant, route, currency);
            if passing { account.passing() } else { account }
        };
        match self {
            Self::One(tenant) => account(tenant).made(cost),
            Self::Many(shares) => {
                let parts = shares.tenants().iter().zip(shares.split(cost));
                for (index, (Tenant(tenant), part)) in parts.enumerate() {
                    match index {
                        0 => account(tenant).made(part),
                        _ => account(tenant).paid(part),
                    }
                }
            }
        }
    }
}
