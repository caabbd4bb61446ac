//! Scores in the form that the inner loop needs.

use scrimp_core::{Currency, Money};

use super::weights::Weight;
use crate::engine::{choice::Scored, estimate::Expected};

/// Least value of a weighted score's terms, so that no score is infinitely good.
const EPSILON: f64 = 1e-9;
/// Share of its expected time that a candidate takes at best.
const HOPE: f64 = 0.5;

/// Score in the form that the inner loop needs: no matches, no money, only floats.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Formula {
    Money {
        second: f64,
        quality: f64,
        failure: f64,
        backoff: f64,
    },
    Weighted(Weight),
}

// === impl Formula ===

impl Formula {
    /// Returns the score of a successful call to a candidate whose price is `cost` dollars.
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

    /// Returns the score of a candidate as the last attempt.
    pub(in crate::engine) fn last(&self, cost: f64, expected: &Expected) -> f64 {
        self.score(cost, expected, None)
    }

    /// Returns the score of a candidate whose failure leads to one with the score `next`.
    pub(in crate::engine) fn score(
        &self,
        cost: f64,
        expected: &Expected,
        next: Option<f64>,
    ) -> f64 {
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

    /// Returns the best score to hope for: answers in a part of the time, no failures, and half
    /// of the missing quality.
    pub(in crate::engine) fn at_best(&self, cost: f64, expected: &Expected) -> f64 {
        let hoped = Expected {
            first_byte: HOPE * expected.first_byte,
            latency: HOPE * expected.latency,
            reliability: 1.0,
            quality: f64::midpoint(1.0, expected.quality),
        };
        self.success(cost, &hoped)
    }

    /// Returns a score in the form that decisions report.
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as money does")]
    pub(in crate::engine) fn scored(&self, score: f64) -> Scored {
        match self {
            Self::Money { .. } => {
                let pico = (score * 1e12).round() as i128;
                Scored::Money(Money::from_pico(pico, Currency::USD))
            }
            Self::Weighted(_) => Scored::Weighted(score),
        }
    }

    /// Returns a score that is this share better.
    pub(in crate::engine) fn better_by(&self, score: f64, share: f64) -> f64 {
        match self {
            Self::Money { .. } => score * (1.0 - share),
            Self::Weighted(_) => score - (1.0 + share).ln(),
        }
    }
}

#[cfg(test)]
mod tests;
