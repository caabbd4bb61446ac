//! Expected cost of choosing a provider, all told.

use scrimp_core::{Currency, ExchangeRates, Money, SettingError, extensions::Priority};

use super::{
    choice::Scored,
    estimate::Expected,
    rules::{dollars, rate_missing},
};

/// Least value of a weighted score's terms, so that no score is infinitely good.
const EPSILON: f64 = 1e-9;
/// Share of its time that a candidate is hoped to take at best.
const HOPE: f64 = 0.5;

/// Rule by which candidates are compared. Lower is better.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
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

/// Worth of time, quality and failures, per priority.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stakes {
    /// For [`Priority::High`].
    pub high: Stake,
    /// For [`Priority::Default`].
    pub default: Stake,
    /// For [`Priority::Low`].
    pub low: Stake,
}

/// Worth of time, quality and failures. Amounts in other currencies than dollars need an exchange
/// rate. Range: nothing or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stake {
    /// Worth of a second of waiting.
    pub second: Money,
    /// Worth of all of an answer's quality: a tenth of quality less costs a tenth of this.
    pub quality: Money,
    /// Harm of a request that failed for good.
    pub failure: Money,
}

/// Weights per priority.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// For [`Priority::High`].
    pub high: Weight,
    /// For [`Priority::Default`].
    pub default: Weight,
    /// For [`Priority::Low`].
    pub low: Weight,
}

/// Weights of the properties of a candidate. Range: 0 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// Weight of the price.
    pub cost: f64,
    /// Weight of the time until the answer is whole.
    pub latency: f64,
    /// Weight of the quality of answers.
    pub quality: f64,
    /// Weight of the share of calls that succeed.
    pub reliability: f64,
}

/// Score in the form that the inner loop needs: no matches, no money, only floats.
#[derive(Debug, Clone, Copy)]
pub(super) enum Formula {
    Money {
        second: f64,
        quality: f64,
        failure: f64,
        backoff: f64,
    },
    Weighted(Weight),
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
    /// If an amount or a weight is out of its range.
    pub(super) fn check(&self) -> Result<(), SettingError> {
        for priority in [Priority::High, Priority::Default, Priority::Low] {
            match self {
                Self::Money(stakes) => {
                    let (name, stake) = stakes.of(priority);
                    for (part, amount) in stake.amounts() {
                        let range = Money::zero(amount.currency())..;
                        SettingError::within("Stakes", setting(name, part), amount, range)?;
                    }
                }
                Self::Weighted(weights) => {
                    let (name, weight) = weights.of(priority);
                    for (part, value) in weight.parts() {
                        let range = 0.0..f64::INFINITY;
                        SettingError::within("Weights", setting(name, part), value, range)?;
                    }
                }
            }
        }
        Ok(())
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
        Ok(match self {
            Self::Money(stakes) => {
                let (name, stake) = stakes.of(priority);
                let [second, quality, failure] = stake.amounts().map(|(part, amount)| {
                    dollars(rates, amount)
                        .map_err(|error| rate_missing("Stakes", setting(name, part), amount, error))
                });
                Formula::Money {
                    second: second?,
                    quality: quality?,
                    failure: failure?,
                    backoff,
                }
            }
            Self::Weighted(weights) => Formula::Weighted(weights.of(priority).1),
        })
    }
}

/// Names a part of what is set for a priority, for errors.
fn setting(priority: &str, part: &str) -> String {
    format!("{priority}.{part}")
}

// === impl Formula ===

impl Formula {
    /// Returns what a call that succeeds is worth, to a candidate whose price is `cost` dollars.
    fn success(&self, cost: f64, expected: &Expected) -> f64 {
        match *self {
            Self::Money {
                second, quality, ..
            } => cost + second * expected.latency + quality * (1.0 - expected.quality),
            Self::Weighted(weight) => {
                let ln = |value: f64| value.max(EPSILON).ln();
                // Relative to a cent, a second, perfect quality and reliability.
                weight.cost * ln(cost / 0.01) + weight.latency * ln(expected.latency)
                    - weight.quality * ln(expected.quality)
                    - weight.reliability * ln(expected.reliability)
            }
        }
    }

    /// Returns what a candidate is worth as the last that is tried.
    pub(super) fn last(&self, cost: f64, expected: &Expected) -> f64 {
        self.score(cost, expected, None)
    }

    /// Returns what a candidate is worth if, should it fail, one is tried that is worth `next`.
    pub(super) fn score(&self, cost: f64, expected: &Expected, next: Option<f64>) -> f64 {
        let success = self.success(cost, expected);
        match *self {
            Self::Money {
                second,
                failure,
                backoff,
                ..
            } => {
                let r = expected.reliability.clamp(0.0, 1.0);
                let failed = next.map_or(failure, |next| second * backoff + next.min(failure));
                r * success + (1.0 - r) * failed
            }
            Self::Weighted(_) => success,
        }
    }

    /// Returns what can be hoped for: answers in a part of the time, no failures, and half of what
    /// the quality lacks.
    pub(super) fn at_best(&self, cost: f64, expected: &Expected) -> f64 {
        let hoped = Expected {
            first_byte: HOPE * expected.first_byte,
            latency: HOPE * expected.latency,
            reliability: 1.0,
            quality: f64::midpoint(1.0, expected.quality),
        };
        self.success(cost, &hoped)
    }

    /// Returns a score in the form that decisions tell it in.
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as money does")]
    pub(super) fn scored(&self, score: f64) -> Scored {
        match self {
            Self::Money { .. } => {
                let pico = (score * 1e12).round() as i128;
                Scored::Money(Money::from_pico(pico, Currency::USD))
            }
            Self::Weighted(_) => Scored::Weighted(score),
        }
    }

    /// Returns a score that is this share better.
    pub(super) fn better_by(&self, score: f64, share: f64) -> f64 {
        match self {
            Self::Money { .. } => score * (1.0 - share),
            Self::Weighted(_) => score - (1.0 + share).ln(),
        }
    }
}

// === impl Stakes, Stake, Weights, Weight ===

impl Stakes {
    fn of(&self, priority: Priority) -> (&'static str, Stake) {
        match priority {
            Priority::High => ("high", self.high),
            Priority::Default => ("default", self.default),
            Priority::Low => ("low", self.low),
        }
    }
}

impl Weights {
    fn of(&self, priority: Priority) -> (&'static str, Weight) {
        match priority {
            Priority::High => ("high", self.high),
            Priority::Default => ("default", self.default),
            Priority::Low => ("low", self.low),
        }
    }
}

impl Weight {
    fn parts(&self) -> [(&'static str, f64); 4] {
        [
            ("cost", self.cost),
            ("latency", self.latency),
            ("quality", self.quality),
            ("reliability", self.reliability),
        ]
    }
}

impl Stake {
    fn amounts(&self) -> [(&'static str, Money); 3] {
        [
            ("second", self.second),
            ("quality", self.quality),
            ("failure", self.failure),
        ]
    }
}

impl Default for Stakes {
    /// Values a second at $0.005, $0.0005 and $0.00005 by priority, an answer without any quality
    /// at $0.01, $0.005 and $0.002 of harm, and a failure at $0.05, $0.02 and $0.005.
    fn default() -> Self {
        let stake = |second, quality, failure| {
            let micro = |n: i128| Money::from_pico(n * 1_000_000, Currency::USD);
            Stake {
                second: micro(second),
                quality: micro(quality),
                failure: micro(failure),
            }
        };
        Self {
            high: stake(5_000, 10_000, 50_000),
            default: stake(500, 5_000, 20_000),
            low: stake(50, 2_000, 5_000),
        }
    }
}

impl Default for Weights {
    /// Weighs latency and quality most at high priority, and the price at low.
    fn default() -> Self {
        let weight = |cost, latency, quality, reliability| Weight {
            cost,
            latency,
            quality,
            reliability,
        };
        Self {
            high: weight(0.1, 0.4, 0.3, 0.2),
            default: weight(0.3, 0.3, 0.2, 0.2),
            low: weight(0.6, 0.1, 0.2, 0.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
