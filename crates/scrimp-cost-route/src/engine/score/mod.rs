//! Expected total cost of choosing a provider.

mod formula;
mod stakes;
mod weights;

use scrimp_core::{ExchangeRates, SettingError, extensions::Priority};

use super::rules::{dollars, rate_missing};
pub(super) use formula::Formula;
pub use stakes::{Stake, Stakes};
pub use weights::{Weight, Weights};

/// Rule by which candidates are compared. Lower is better.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a layer has one score")]
pub enum Score {
    /// Compares in dollars. With a success rate `r`, a candidate is worth
    ///
    /// `r · (price + second · latency + quality · (1 − q)) + (1 − r) · next`
    ///
    /// where `next` is what the best of the others is worth as the last one tried, and the
    /// pause before it; or the price of failure, if the request can't be sent again.
    Money(Stakes),
    /// Compares by weights: by a sum of logarithms, which does not depend on units or on the other
    /// candidates.
    Weighted(Weights),
}

// === impl Score ===

impl Default for Score {
    fn default() -> Self {
        Self::Money(Stakes::default())
    }
}

impl Score {
    /// Checks the stakes or weights.
    ///
    /// # Errors
    ///
    /// If an amount or a weight cannot be used.
    pub(super) fn check(&self) -> Result<(), SettingError> {
        match self {
            Self::Money(stakes) => stakes.check(),
            Self::Weighted(weights) => weights.check(),
        }
    }

    /// Converts the score of a priority to the form that the inner loop needs.
    ///
    /// # Errors
    ///
    /// If a stake lacks an exchange rate.
    pub(super) fn formula(
        &self,
        priority: Priority,
        backoff: f64,
        rates: &ExchangeRates,
    ) -> Result<Formula, SettingError> {
        let stakes = match self {
            Self::Money(stakes) => stakes,
            Self::Weighted(weights) => return Ok(Formula::Weighted(weights.of(priority))),
        };
        let [second, quality, failure] = stakes.of(priority).amounts().map(|(part, amount)| {
            dollars(rates, amount)
                .map_err(|error| rate_missing("Stakes", setting(priority, part), amount, error))
        });
        Ok(Formula::Money {
            second: second?,
            quality: quality?,
            failure: failure?,
            backoff,
        })
    }
}

/// Returns the name of a setting of a priority, for errors.
fn setting(priority: Priority, part: &str) -> String {
    let priority = match priority {
        Priority::High => "high",
        Priority::Default => "default",
        Priority::Low => "low",
    };
    format!("{priority}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::estimate::Expected;
    use proptest::prelude::*;

    fn expected(latency: f64, quality: f64, reliability: f64) -> Expected {
        Expected {
            first_byte: latency,
            latency,
            reliability,
            quality,
        }
    }

    proptest! {
        #[test]
        fn no_score_is_ever_not_a_number(
            cost in 0.0..1e6f64, latency in 0.0..1e6f64, quality in 0.0..=1.0f64, r in 0.0..=1.0f64,
        ) {
            for score in [Score::default(), Score::Weighted(Weights::default())] {
                for priority in [Priority::Low, Priority::Default, Priority::High] {
                    let formula = score.formula(priority, 1.0, &ExchangeRates::new()).unwrap();
                    prop_assert!(formula.last(cost, &expected(latency, quality, r)).is_finite());
                }
            }
        }
    }

    #[test]
    fn a_hundredth_of_a_percent_in_price_is_worth_just_that() {
        // Min-max normalisation gives such a gap the whole weight of the price.
        for score in [Score::default(), Score::Weighted(Weights::default())] {
            let formula = score
                .formula(Priority::Low, 1.0, &ExchangeRates::new())
                .unwrap();
            let dear_but_fast = formula.last(0.010_001, &expected(0.5, 0.9, 0.99));
            let cheap_but_slow = formula.last(0.01, &expected(5.0, 0.9, 0.99));
            assert!(dear_but_fast < cheap_but_slow);
        }
    }

    #[test]
    fn weights_that_are_no_numbers_are_refused_by_name() {
        let mut weights = Weights::default();
        weights.low.quality = f64::NAN;
        let error = Score::Weighted(weights).check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "Weights: `low.quality` must be at least 0.0 and below inf, not NaN"
        );
    }
}
