//! Reserved money, and how it is settled.

use std::fmt;

use scrimp_core::{AllowanceAccount, Money, NoExchangeRate, extensions::TenantShares};
use smallvec::SmallVec;

use super::{Budget, books::Key};

/// Money reserved for a call. A reservation that is dropped unsettled is released.
#[must_use = "money that is not settled is released at once"]
pub struct Reservation {
    budget: Budget,
    held: Amounts,
    /// Set if several tenants share the cost.
    shares: Option<TenantShares>,
}

/// Reserved amounts, by account.
pub(super) type Amounts = SmallVec<[Held; 2]>;

/// Amount reserved in one account, in 10⁻¹² units of its cap's currency.
pub(super) struct Held {
    pub(super) key: Key,
    pub(super) amount: i128,
    /// The tenant that the account is of, among those that share the cost. `None` if the whole
    /// cost counts.
    pub(super) tenant: Option<usize>,
    /// The same account as the processes of a fleet know it, if they share it.
    pub(super) shared: Option<Box<AllowanceAccount>>,
}

/// End of a reservation.
#[derive(Clone, Copy)]
enum Close {
    Release,
    InFull,
    Settle(Money),
}

/// Costs of a settled call, by cap.
struct Costs<'a> {
    budget: &'a Budget,
    shares: Option<&'a TenantShares>,
    /// A cap, and the parts of the tenants under it.
    last: Option<(usize, Vec<Money>)>,
    missing: Option<NoExchangeRate>,
}

// === impl Reservation ===

impl Reservation {
    pub(super) fn new(budget: Budget, held: Amounts) -> Self {
        Self {
            budget,
            held,
            shares: None,
        }
    }

    pub(super) fn shared(budget: Budget, held: Amounts, shares: TenantShares) -> Self {
        Self {
            budget,
            held,
            shares: Some(shares),
        }
    }

    /// Books the call's actual cost, which may be above or below the reserved amount. A
    /// negative amount counts as 0.
    ///
    /// # Errors
    ///
    /// If the cost is in another currency than a cap, and no exchange rate converts it. The
    /// reserved amount is booked under that cap then.
    pub fn settle(mut self, actual: Money) -> Result<(), NoExchangeRate> {
        self.close(Close::Settle(actual))
    }

    /// Books the whole reserved amount.
    pub fn settle_in_full(mut self) {
        self.close(Close::InFull)
            .expect("only an amount from elsewhere needs a rate");
    }

    /// Releases the whole amount: the call was not made, or cost nothing.
    pub fn release(self) {
        drop(self);
    }

    fn close(&mut self, close: Close) -> Result<(), NoExchangeRate> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        let budget = &self.budget;
        let mut costs = Costs::new(budget, self.shares.as_ref());
        let now = budget.inner.now();
        let mut books = budget.inner.books.lock();
        for part in &held {
            let Held {
                key,
                amount,
                tenant,
                ..
            } = part;
            let account = books.open(&budget.inner.caps, key, now);
            let account = account.expect("an account in use is not closed");
            account.calls -= 1;
            account.reserved = account.reserved.saturating_sub(*amount);
            let actual = match close {
                Close::Release => {
                    budget.inner.settle_shared(part, 0);
                    continue;
                }
                Close::InFull => *amount,
                // Zero is zero in every currency.
                Close::Settle(actual) if actual.is_zero() => 0,
                Close::Settle(actual) => costs.of(key.0, *tenant, actual).unwrap_or(*amount),
            };
            budget.inner.settle_shared(part, actual);
            account.spent = account.spent.saturating_add(actual);
            if let Some(store) = &budget.inner.store {
                store.settled(&budget.inner.line(key, account));
            }
        }
        costs.missing.map_or(Ok(()), Err)
    }
}

// === impl Costs ===

impl<'a> Costs<'a> {
    fn new(budget: &'a Budget, shares: Option<&'a TenantShares>) -> Self {
        Self {
            budget,
            shares,
            last: None,
            missing: None,
        }
    }

    /// Returns what a call costs a tenant, or all tenants, under a cap. `None` if an exchange rate
    /// is missing.
    fn of(&mut self, cap: usize, tenant: Option<usize>, actual: Money) -> Option<i128> {
        let rules = &self.budget.inner.caps[cap];
        let whole = match self.budget.in_currency_of(rules, actual) {
            Ok(whole) => whole,
            Err(error) => {
                self.missing = Some(error);
                return None;
            }
        };
        let (Some(tenant), Some(shares)) = (tenant, self.shares) else {
            return Some(whole);
        };
        // The accounts of a cap come one after the other: it is split once.
        let known = self.last.take().filter(|(last, _)| *last == cap);
        let split = || shares.split(Money::from_pico(whole, rules.limit.currency()));
        let (_, parts) = self.last.insert(known.unwrap_or_else(|| (cap, split())));
        Some(parts[tenant].pico())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.close(Close::Release)
            .expect("only an amount from elsewhere needs a rate");
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("accounts", &self.held.len())
            .finish_non_exhaustive()
    }
}
