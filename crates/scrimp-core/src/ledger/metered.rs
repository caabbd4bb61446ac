//! Metrics of a ledger.

use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed};

use crate::{
    Currency, Ledger, Money,
    metrics::{Metered, Metric, Readings},
};

crate::metered! {
    counter CALLS_MADE["layer"] = "scrimp_ledger_calls_made_total",
        "Calls that reached the upstream, by the layer nearest to it that books them.";
    counter CALLS_AVOIDED["layer"] = "scrimp_ledger_calls_avoided_total",
        "Calls that were avoided, by the layer that avoided them.";
    counter SPENT["layer", "currency"] = "scrimp_ledger_spent_micros_total",
        "Cost of the calls that reached the upstream, in millionths of the currency's unit.";
    counter AVOIDED["layer", "currency"] = "scrimp_ledger_avoided_micros_total",
        "Cost that avoided calls would have had, in millionths of the currency's unit.";
}

#[derive(Default)]
struct Sums {
    made: u64,
    avoided: u64,
    spent: i128,
    saved: i128,
}

impl Metered for Ledger {
    fn metrics() -> &'static [Metric] {
        METRICS
    }

    /// Adds up tenants and routes, whose names clients may choose.
    fn read(&self, readings: &mut Readings) {
        for ((layer, currency), sums) in self.by_layer() {
            readings.count(&CALLS_MADE, &[layer], sums.made);
            readings.count(&CALLS_AVOIDED, &[layer], sums.avoided);
            let money = |pico| Money::from_pico(pico, currency);
            readings.money(&SPENT, &[layer], money(sums.spent));
            readings.money(&AVOIDED, &[layer], money(sums.saved));
        }
    }
}

impl Ledger {
    fn by_layer(&self) -> BTreeMap<(&'static str, Currency), Sums> {
        let open = self.0.open.read();
        let mut all = BTreeMap::<_, Sums>::new();
        for books in open.values() {
            let sums = all
                .entry((books.name.layer, books.name.currency))
                .or_default();
            sums.made += books.made.calls.load(Relaxed);
            sums.avoided += books.avoided.calls.load(Relaxed);
            sums.spent = sums.spent.saturating_add(books.made.total.get());
            sums.saved = sums.saved.saturating_add(books.avoided.total.get());
        }
        all
    }
}
