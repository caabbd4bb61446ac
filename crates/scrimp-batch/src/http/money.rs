//! One charge, many callers; one caller, many charges.

use http::Extensions;
use scrimp_core::{
    Currency, Money, Totals,
    extensions::{Charge, OtherCharges},
};

/// What was paid for one item, over all calls that it was in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paid {
    all: Totals,
    /// The currency of the last call, if any said what it cost.
    last: Option<Currency>,
}

/// The part of `whole` that belongs to the places from `start` on, `count` of `total`.
///
/// The parts of all places add up to the whole exactly: each is the difference between two
/// rounded sums, so what rounding takes from one it gives to the next.
pub(crate) fn share(whole: i128, start: u64, count: u64, total: u64) -> i128 {
    let total = i128::from(total.max(1));
    let upto = |places: u64| {
        let places = i128::from(places);
        // Quotient and remainder apart, so that nothing overflows.
        (whole / total) * places + (whole % total) * places / total
    };
    upto(start + count) - upto(start)
}

/// The amount shared out over weights, in their order.
pub(crate) fn split(amount: Money, weights: &[u64]) -> Vec<Money> {
    let total = weights.iter().sum();
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

    /// Adds what a response says that its call cost.
    pub(crate) fn add_call(&mut self, response: &Extensions) {
        for amount in amounts(response) {
            self.add(amount);
        }
    }

    /// Shares it out equally.
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

    /// Says on a response what was paid for it, in place of what it said itself.
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

/// What a response says that its call cost, in all currencies; that of its charge last.
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
