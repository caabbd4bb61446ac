//! Amounts split into parts, without loss.

use super::Money;

impl Money {
    /// Splits the amount by weights, in their order. The parts add up to the amount exactly.
    ///
    /// Each part is the weight's exact share, rounded up or down to a 10⁻¹² unit. The units that
    /// rounding down leaves go to the parts with the largest remainders, the earlier one of two
    /// that are equal (the method of the largest remainder, or of Hamilton). If all weights are
    /// zero, the parts are as equal as they can be. Without weights there are no parts.
    ///
    /// ```
    /// use scrimp_core::Money;
    ///
    /// let parts = "0.000000000010".parse::<Money>()?.split(&[1, 3, 3]);
    /// assert_eq!(parts.iter().map(|part| part.pico()).collect::<Vec<_>>(), [2, 4, 4]);
    /// # Ok::<(), scrimp_core::ParseMoneyError>(())
    /// ```
    #[must_use]
    pub fn split(self, weights: &[u32]) -> Vec<Self> {
        let total: u128 = weights.iter().copied().map(u128::from).sum();
        if total == 0 {
            return match weights {
                [] => Vec::new(),
                _ => self.split(&vec![1; weights.len()]),
            };
        }
        let whole = self.pico.unsigned_abs();
        // Quotient and remainder are multiplied apart, so that nothing overflows: there are fewer
        // than 2⁶⁴ weights below 2³², and so the remainder is below 2⁹⁶.
        let (quotient, remainder) = (whole / total, whole % total);
        let mut left = remainder;
        let mut parts = Vec::with_capacity(weights.len());
        let mut remainders = Vec::with_capacity(weights.len());
        for (index, weight) in weights.iter().copied().map(u128::from).enumerate() {
            let (extra, rest) = (remainder * weight / total, remainder * weight % total);
            parts.push(quotient * weight + extra);
            remainders.push((std::cmp::Reverse(rest), index));
            left -= extra;
        }
        remainders.sort_unstable();
        for ((_, index), _) in remainders.into_iter().zip(0..left) {
            parts[index] += 1;
        }
        let signed = |part| match self.is_negative() {
            true => 0_i128.wrapping_sub_unsigned(part),
            false => 0_i128.wrapping_add_unsigned(part),
        };
        parts
            .into_iter()
            .map(|part| Self::from_pico(signed(part), self.currency))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{Currency, Money};

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_whole_and_each_is_its_exact_share_rounded(
            pico in prop_oneof![any::<i128>(), -1_000_000_i128..1_000_000, Just(i128::MIN), Just(i128::MAX)],
            weights in prop::collection::vec(prop_oneof![any::<u32>(), 0_u32..10], 1..200),
        ) {
            let parts = Money::from_pico(pico, Currency::USD).split(&weights);
            prop_assert_eq!(parts.len(), weights.len());
            let sum = parts.iter().try_fold(0_i128, |sum, part| sum.checked_add(part.pico()));
            prop_assert_eq!(sum, Some(pico));
            let total: u128 = weights.iter().copied().map(u128::from).sum();
            if total == 0 {
                return Ok(());
            }
            for (part, weight) in parts.iter().zip(&weights) {
                let (quotient, rest) = (pico.unsigned_abs() / total, pico.unsigned_abs() % total);
                let down = quotient * u128::from(*weight) + rest * u128::from(*weight) / total;
                let exact = rest * u128::from(*weight) % total == 0;
                let part = part.pico().unsigned_abs();
                prop_assert!(part == down || !exact && part == down + 1, "{part} is not {down}");
            }
        }

        #[test]
        fn a_larger_weight_never_gets_a_smaller_part(pico in 0_i128..1_000, weights in prop::collection::vec(0_u32..50, 1..30)) {
            let parts = Money::from_pico(pico, Currency::USD).split(&weights);
            let mut both: Vec<_> = weights.iter().zip(parts.iter().map(|part| part.pico())).collect();
            both.sort_unstable();
            prop_assert!(both.windows(2).all(|two| two[0].0 == two[1].0 || two[0].1 <= two[1].1));
        }
    }

    #[test]
    fn a_unit_that_is_left_goes_to_the_largest_remainder_and_then_to_the_earlier_part() {
        for (pico, weights, expected) in [
            // The exact shares are 0.5, 0.5 and 1.
            (2, [1, 1, 2], [1, 0, 1]),
            // 0.8, 0.8 and 2.4.
            (4, [1, 1, 3], [1, 1, 2]),
            // 8/3, 4/3 and 0.
            (4, [2, 1, 0], [3, 1, 0]),
            (-4, [2, 1, 0], [-3, -1, 0]),
        ] {
            let parts = Money::from_pico(pico, Currency::USD).split(&weights);
            let parts: Vec<_> = parts.iter().map(|part| part.pico()).collect();
            assert_eq!(parts, expected, "{pico} by {weights:?}");
        }
    }

    #[test]
    fn equal_parts_are_made_where_all_weights_are_zero() {
        let parts = Money::from_pico(5, Currency::USD).split(&[0, 0]);
        assert_eq!(
            parts.iter().map(|part| part.pico()).collect::<Vec<_>>(),
            [3, 2]
        );
        assert_eq!(Money::from_pico(5, Currency::USD).split(&[]), []);
    }
}
