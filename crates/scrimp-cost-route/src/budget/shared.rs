//! Money reserved for a request that several tenants share.

use scrimp_core::{Money, extensions::TenantShares};

use super::{
    Budget, Refusal, Reservation,
    cap::Scope,
    fleet::{Denied, Waiting},
    reservation::{Amounts, Held},
};

/// The refusal of each tenant, in the order of their shares. `None` for a tenant that may pay.
pub(crate) type Refusals = Vec<Option<Box<Refusal>>>;

/// Reason why nothing was reserved for the tenants.
pub(crate) enum DeniedShares {
    Refused(Refusals),
    /// Other processes have to be asked.
    Wait(Waiting),
}

impl Budget {
    /// Reserves each tenant's share of an amount under every cap that it counts towards, or
    /// nothing. `None` is 0, in no currency.
    ///
    /// # Errors
    ///
    /// The tenants whose own caps have too little left, or a wait. If a cap that counts all tenants together
    /// has too little left, these are all of them.
    pub(crate) fn set_aside_shares(
        &self,
        amount: Option<Money>,
        shares: &TenantShares,
        provider: &str,
        route: &str,
    ) -> Result<Reservation, DeniedShares> {
        let now = self.inner.now();
        let mut held = Amounts::new();
        let mut refusals: Refusals = vec![None; shares.tenants().len()];
        let mut books = self.inner.books.lock();
        // A tenant that may not pay must not count towards a cap of all: those come last.
        let caps = || self.inner.caps.iter().enumerate();
        let own = caps().filter(|(_, cap)| cap.tenant != Scope::All);
        for (index, cap) in own {
            let whole = amount.map_or(Ok(0), |amount| self.in_currency_of(cap, amount));
            let parts = whole.map(|whole| {
                let parts = shares.split(Money::from_pico(whole, cap.limit.currency()));
                parts.into_iter().map(Money::pico).collect::<Vec<_>>()
            });
            for (number, tenant) in shares.tenants().iter().enumerate() {
                let Some(key) = cap.key(&tenant.0, provider, route) else {
                    continue;
                };
                let part = parts.as_ref().map(|parts| parts[number]);
                match self.hold(&mut books, (index, key), part.map_err(|error| *error), now) {
                    Ok(part) => held.push(Held {
                        tenant: Some(number),
                        ..part
                    }),
                    Err(Denied::Refused(refusal)) => {
                        self.inner.refusals[index].increment();
                        refusals[number].get_or_insert(refusal);
                    }
                    Err(Denied::Wait(waiting, _)) => {
                        self.inner.let_go(&mut books, &held);
                        return Err(DeniedShares::Wait(waiting));
                    }
                }
            }
        }
        let common = caps().filter(|(_, cap)| cap.tenant == Scope::All);
        for (index, cap) in common {
            if refusals.iter().any(Option::is_some) {
                break;
            }
            let Some(key) = cap.key("", provider, route) else {
                continue;
            };
            let whole = amount.map_or(Ok(0), |amount| self.in_currency_of(cap, amount));
            match self.hold(&mut books, (index, key), whole, now) {
                Ok(part) => held.push(part),
                Err(Denied::Refused(refusal)) => {
                    self.inner.refusals[index].increment();
                    refusals.fill(Some(refusal));
                }
                Err(Denied::Wait(waiting, _)) => {
                    self.inner.let_go(&mut books, &held);
                    return Err(DeniedShares::Wait(waiting));
                }
            }
        }
        if refusals.iter().any(Option::is_some) {
            self.inner.let_go(&mut books, &held);
            return Err(DeniedShares::Refused(refusals));
        }
        books.reserve(&held);
        drop(books);
        Ok(Reservation::shared(self.clone(), held, shares.clone()))
    }
}
