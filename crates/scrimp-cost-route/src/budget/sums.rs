//! Sums of the accounts of each cap, for metrics.

use scrimp_core::{Counter, Money};

use super::Budget;

/// Sums of the accounts of a cap in its present period.
pub(crate) struct CapSums<'a> {
    pub(crate) name: &'a str,
    pub(crate) limit: Money,
    pub(crate) spent: Money,
    pub(crate) reserved: Money,
}

// === impl Budget ===

impl Budget {
    /// Returns the calls that each cap did not let through.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (&str, u64)> {
        let names = self.inner.caps.iter().map(|cap| &*cap.name);
        names.zip(self.inner.refusals.iter().map(Counter::get))
    }

    /// Returns the sums of each cap. Tenants' names are not in it.
    pub(crate) fn sums(&self) -> Vec<CapSums<'_>> {
        let now = self.inner.now();
        let caps = self.inner.caps.iter();
        let mut sums: Vec<_> = caps
            .map(|cap| (cap, cap.period.bounds(now).0, 0_i128, 0_i128))
            .collect();
        let books = self.inner.books.lock();
        for (key, account) in books.iter() {
            let (_, began, spent, reserved) = &mut sums[key.0];
            *spent = spent.saturating_add(account.spent_at(*began));
            *reserved = reserved.saturating_add(account.reserved);
        }
        drop(books);
        let sums = sums.into_iter().map(|(cap, _, spent, reserved)| {
            let money = |pico| Money::from_pico(pico, cap.limit.currency());
            CapSums {
                name: &cap.name,
                limit: cap.limit,
                spent: money(spent),
                reserved: money(reserved),
            }
        });
        sums.collect()
    }
}
