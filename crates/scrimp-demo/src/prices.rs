//! Prices of calls in the scenarios.

use std::sync::Arc;

use parking_lot::Mutex;
use scrimp_core::{Currency, Ledger, Money, extensions::Charge};

const CENT: i128 = 10_000_000_000;

/// Price of a call of the shop, of the feed's generator, of a metric.
pub(super) const CALL: Money = Money::from_pico(CENT, Currency::USD);
/// Price of a metric within a batch: a quarter of that.
pub(super) const IN_BATCH: Money = Money::from_pico(CENT / 4, Currency::USD);
/// Price of a record of the nightly job.
pub(super) const RECORD: Money = Money::from_pico(CENT / 10, Currency::USD);

/// The upstream's own record of its calls, for comparison with the layers' records.
#[derive(Debug, Clone, Default)]
pub(super) struct Till(Arc<Mutex<Taken>>);

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Calls, independent of their content.
    pub(super) calls: u64,
    /// Items requested in them.
    pub(super) items: u64,
    pub(super) money: Money,
}

// === impl Till ===

impl Till {
    /// Records a call for `items` items, and its total price.
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

/// Adds two amounts; all are in dollars here.
pub(super) fn sum(one: Money, other: Money) -> Money {
    one.checked_add(other).expect("all are in dollars here")
}

/// Returns the unspent share of `whole`, from 0 to 1.
pub(super) fn saved(whole: Money, spent: Money) -> f64 {
    if whole.is_zero() {
        return 0.0;
    }
    1.0 - spent.as_f64() / whole.as_f64()
}

/// Returns the calls avoided, by the ledger of all layers.
pub(super) fn avoided(ledger: &Ledger) -> u64 {
    ledger.lines().iter().map(|line| line.calls_avoided).sum()
}
