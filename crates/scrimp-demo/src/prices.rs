//! What calls cost in the scenarios.

use std::sync::Arc;

use parking_lot::Mutex;
use scrimp_core::{Currency, Ledger, Money, extensions::Charge};

const CENT: i128 = 10_000_000_000;

/// A call of the shop, of the feed's generator, of a metric.
pub(super) const CALL: Money = Money::from_pico(CENT, Currency::USD);
/// A metric within a batch: a quarter of that.
pub(super) const IN_BATCH: Money = Money::from_pico(CENT / 4, Currency::USD);
/// A record of the nightly job.
pub(super) const RECORD: Money = Money::from_pico(CENT / 10, Currency::USD);

/// What an upstream says was asked of it, for comparing with what the layers say.
#[derive(Debug, Clone, Default)]
pub(super) struct Till(Arc<Mutex<Taken>>);

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Calls, whatever was in them.
    pub(super) calls: u64,
    /// Things asked for in them.
    pub(super) items: u64,
    pub(super) money: Money,
}

// === impl Till ===

impl Till {
    /// A call for so many things, and what it costs altogether.
    pub(super) fn take(&self, items: u64, price: Money) -> Charge {
        let mut taken = self.0.lock();
        taken.calls += 1;
        taken.items += items;
        taken.money = sum(taken.money, price);
        Charge(price)
    }

    pub(super) fn taken(&self) -> Taken {
        *self.0.lock()
    }
}

/// The sum of two amounts; all are in dollars here.
pub(super) fn sum(one: Money, other: Money) -> Money {
    one.checked_add(other).expect("all are in dollars here")
}

/// What of `whole` was not spent, from 0 to 1.
pub(super) fn saved(whole: Money, spent: Money) -> f64 {
    if whole.is_zero() {
        return 0.0;
    }
    1.0 - spent.as_f64() / whole.as_f64()
}

/// Calls avoided, by all layers' books.
pub(super) fn avoided(ledger: &Ledger) -> u64 {
    ledger.lines().iter().map(|line| line.calls_avoided).sum()
}
