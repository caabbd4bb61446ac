//! The means of a call: money of those who pay.

use std::{borrow::Cow, collections::HashMap, time::SystemTime};

use scrimp_core::{
    Money,
    extensions::{Tenant, TenantShares},
};

use super::job::Job;
use crate::{
    Usage,
    budget::{Budget, Denied, DeniedShares, Refusal, Reservation, Waiting},
    config::Config,
    payer::Payer,
    state::{Entry, Terms},
};

/// Looks at the tenants that share a request, each without those whom the last one found refused.
const LOOKS: usize = 4;

/// Reason for which a chosen candidate is unavailable.
pub(super) enum Unavailable {
    Budget(Box<Refusal>),
    /// Some of the tenants that share the request may not pay, or all.
    Tenants(Vec<(Tenant, Box<Refusal>)>),
    Unpriced,
    /// The other processes of a fleet have to be asked.
    Wait(Waiting),
}

// === impl Job ===

impl Job {
    /// Takes the money that a call of a usage needs.
    pub(super) fn take(
        &self,
        config: &Config,
        entry: &Entry,
        wall: SystemTime,
        usage: &Usage,
    ) -> Result<Option<Reservation>, Unavailable> {
        let Some(budget) = &config.budget else {
            return Ok(None);
        };
        let name = &entry.provider.name;
        let reservation = match &self.payer {
            Payer::One(tenant) => {
                let counted = budget.counts(tenant, name, &self.route);
                let amount = self.amount(config, entry, wall, usage, counted)?;
                if self.is_ahead() {
                    let checked = budget.check_ahead(amount, tenant, name, &self.route);
                    checked.map_err(Unavailable::Budget)?;
                }
                let reserved = budget.set_aside(amount, tenant, name, &self.route);
                reserved.map_err(|denied| match denied {
                    Denied::Refused(refusal) => {
                        debug_assert!(
                            refusal.no_rate.is_none(),
                            "prices are checked against the caps before they are taken: {refusal:?}"
                        );
                        Unavailable::Budget(refusal)
                    }
                    Denied::Wait(waiting, _) => Unavailable::Wait(waiting),
                })?
            }
            Payer::Many(shares) => self.take_shares(config, budget, entry, wall, usage, shares)?,
        };
        Ok(Some(reservation))
    }

    /// Reserves each tenant's share. If some tenants may not pay, the shares of the others grow by
    /// their part of what the call costs however little it carries: so more tenants may be refused
    /// as soon as they share the call alone. All of these are found at once.
    fn take_shares(
        &self,
        config: &Config,
        budget: &Budget,
        entry: &Entry,
        wall: SystemTime,
        usage: &Usage,
        shares: &TenantShares,
    ) -> Result<Reservation, Unavailable> {
        let mut refused: HashMap<Tenant, Box<Refusal>> = HashMap::new();
        let mut left = shares.clone();
        for _ in 0..LOOKS {
            let usage = usage.scaled(left.weight(), shares.weight());
            let name = &entry.provider.name;
            let mut tenants = left.tenants().iter();
            let counted = tenants.any(|tenant| budget.counts(&tenant.0, name, &self.route));
            let amount = self.amount(config, entry, wall, &usage, counted)?;
            match budget.set_aside_shares(amount, &left, name, &self.route) {
                Ok(reservation) if refused.is_empty() => return Ok(reservation),
                // What was set aside for the others is released: they come again on their own.
                Ok(_) => break,
                Err(DeniedShares::Wait(waiting)) => return Err(Unavailable::Wait(waiting)),
                Err(DeniedShares::Refused(refusals)) => {
                    let each = left.tenants().iter().zip(refusals);
                    refused.extend(each.filter_map(|(tenant, no)| Some((tenant.clone(), no?))));
                }
            }
            match left.without(|tenant| refused.contains_key(tenant)) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        let each = shares.tenants().iter();
        let each = each.filter_map(|tenant| refused.remove_entry(tenant));
        Err(Unavailable::Tenants(each.collect()))
    }

    /// Returns the amount to reserve for a usage, which a cap counts or not. `None` is 0, in no
    /// currency.
    fn amount(
        &self,
        config: &Config,
        entry: &Entry,
        wall: SystemTime,
        usage: &Usage,
        counted: bool,
    ) -> Result<Option<Money>, Unavailable> {
        let usage = match config.strict {
            Some(most) => Cow::Owned(larger(most, *usage)),
            None => entry.expect(usage, true),
        };
        let Terms { place, price } = entry.price(self.model_for(entry));
        let cost = price.cost(&usage, wall, entry.used(place, wall));
        // A free call has no currency to convert. A price with a currency needs a rate to that
        // of each cap, even if the amount is not known yet.
        let currency = price.currency();
        match cost {
            Some(cost) => Ok(currency.map(|_| cost)),
            None if config.strict.is_some() || counted && !config.unknown_prices => {
                Err(Unavailable::Unpriced)
            }
            None => Ok(currency.map(Money::zero)),
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
