//! Splits numbers over callers, and sums the charges of one caller.

use std::num::NonZeroU64;

use http::Extensions;
use scrimp_core::{
    Currency, Money, Totals,
    extensions::{Booked, Charge, OtherCharges, Settlement},
};

/// Cost of one item, over all calls that it was in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paid {
    all: Totals,
    /// The currency of the last charge.
    last: Option<Currency>,
    /// Ledgers that have booked the calls.
    booked: Booked,
}

/// Returns the part of `whole` that belongs to `count` places of `total`, from `start` on.
///
/// The parts of all places add up to the whole exactly: each is the difference between two
/// rounded sums, so the next part gets what rounding takes from one.
pub(crate) fn share(whole: i128, start: u64, count: u64, total: NonZeroU64) -> i128 {
    let total = i128::from(total.get());
    let upto = |places: u64| {
        let places = i128::from(places);
        // Quotient and remainder are multiplied apart, so that nothing overflows.
        (whole / total) * places + (whole % total) * places / total
    };
    upto(start + count) - upto(start)
}

// === impl Paid ===

impl Paid {
    pub(crate) fn add(&mut self, amount: Money) {
        self.all.add(amount);
        self.last = Some(amount.currency());
    }

    /// Reports whether no call was charged yet.
    pub(crate) fn is_nothing(&self) -> bool {
        self.last.is_none()
    }

    /// Adds the marks of a response that says which ledgers have booked its call.
    pub(crate) fn note(&mut self, response: &Extensions) {
        if let Some(booked) = response.get() {
            self.booked.merge(booked);
        }
    }

    /// Replaces the charges of a response with this cost.
    pub(crate) fn tell(mut self, response: &mut Extensions) {
        if self.booked != Booked::default() {
            response.insert(std::mem::take(&mut self.booked));
        }
        response.remove::<Charge>();
        response.remove::<OtherCharges>();
        response.remove::<Settlement>();
        let Some(currency) = self.last else { return };
        let charge = self.all.get(currency);
        self.all.add(-charge);
        response.insert(Charge(charge));
        if !self.all.is_zero() {
            response.insert(OtherCharges(self.all));
        }
    }
}

/// Returns the charges that a response reports, in all currencies; the one of [`Charge`] last.
pub(crate) fn amounts(response: &Extensions) -> impl Iterator<Item = Money> + '_ {
    let others = response.get::<OtherCharges>().into_iter();
    let charge = response.get::<Charge>();
    let charge = charge.map(|charge| Settlement::cost(response, charge.0));
    others.flat_map(|others| others.0.iter()).chain(charge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole_and_are_fair_to_a_unit(
            whole in -(1i128 << 90)..(1i128 << 90),
            counts in prop::collection::vec(1u64..2_048, 1..200),
        ) {
            let total = NonZeroU64::new(counts.iter().sum()).unwrap();
            let mut start = 0;
            let mut sum = 0;
            for count in &counts {
                let own = share(whole, start, *count, total);
                (start, sum) = (start + count, sum + own);
                let ideal = whole / i128::from(total.get()) * i128::from(*count);
                let off = (own - ideal).abs();
                prop_assert!(off <= i128::from(*count) + 1, "{own} is {off} off");
            }
            prop_assert_eq!(sum, whole);
        }
    }
}
