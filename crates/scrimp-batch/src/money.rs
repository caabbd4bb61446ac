//! Splits charges over callers, and sums the charges of one caller.

use std::num::NonZeroU64;

use http::Extensions;
use scrimp_core::{
    Currency, Money, Totals,
    extensions::{Charge, OtherCharges},
};

/// Cost of one item, over all calls that it was in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paid {
    all: Totals,
    /// The currency of the last charge.
    last: Option<Currency>,
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

/// Splits an amount over weights, in their order. There must be a weight, and each must be 1 or
/// more.
pub(crate) fn split(amount: Money, weights: &[u64]) -> Vec<Money> {
    let total = NonZeroU64::new(weights.iter().sum()).expect("weights are 1 or more");
    let mut start = 0;
    let part = |weight: &u64| {
        let pico = share(amount.pico(), start, *weight, total);
        start += weight;
        Money::from_pico(pico, amount.currency())
    };
    weights.iter().map(part).collect()
}

// === impl Paid ===

impl Paid {
    pub(crate) fn add(&mut self, amount: Money) {
        self.all.add(amount);
        self.last = Some(amount.currency());
    }

    /// Adds the charges that a response reports.
    pub(crate) fn add_call(&mut self, response: &Extensions) {
        for amount in amounts(response) {
            self.add(amount);
        }
    }

    /// Splits the cost equally over one or more callers.
    pub(crate) fn split(&self, callers: usize) -> Vec<Self> {
        let nothing = Self {
            last: self.last,
            ..Self::default()
        };
        let mut parts = vec![nothing; callers];
        for amount in self.all.iter() {
            for (part, share) in parts.iter_mut().zip(split(amount, &vec![1; callers])) {
                part.all.add(share);
            }
        }
        parts
    }

    /// Replaces the charges of a response with this cost.
    pub(crate) fn tell(mut self, response: &mut Extensions) {
        response.remove::<Charge>();
        response.remove::<OtherCharges>();
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
    let charge = response.get::<Charge>().map(|charge| charge.0);
    others.flat_map(|others| others.0.iter()).chain(charge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scrimp_core::Currency;

    proptest! {
        #[test]
        fn shares_add_up_to_the_whole_and_are_fair_to_a_pico(
            pico in -(1i128 << 90)..(1i128 << 90),
            weights in prop::collection::vec(1u64..2_048, 1..200),
        ) {
            let shares = split(Money::from_pico(pico, Currency::USD), &weights);
            let total: u64 = weights.iter().sum();
            prop_assert_eq!(shares.iter().map(|share| share.pico()).sum::<i128>(), pico);
            for (share, weight) in shares.iter().zip(&weights) {
                let ideal = pico / i128::from(total) * i128::from(*weight);
                let off = (share.pico() - ideal).abs();
                prop_assert!(off <= i128::from(*weight) + 1, "{} is {} off", share, off);
            }
        }
    }
}
