//! Estimates of a provider's properties.

use std::time::Duration;

use super::{
    decay::{Discount, Mean},
    drift::{Drift, Noise},
    track::{Against, Track},
};

/// Weight of the prior, in observations.
const LATENCY_PRIOR: f64 = 1.0;
const SUCCESS_PRIOR: f64 = 6.0;
const QUALITY_PRIOR: f64 = 4.0;
/// Deviations before any observation: of the logarithms of latencies, and of judgements of quality.
const LATENCY_NOISE: f64 = 0.5;
const QUALITY_NOISE: f64 = 0.1;
/// Variance of a provider's quality around its usual value.
const QUALITY_SPREAD: f64 = 0.01;
/// Shortest latency, in seconds: shorter ones count as this, as zero has no logarithm.
const SHORTEST: f64 = 1e-6;

/// Assumptions about a provider before any observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Time until the first byte of the response.
    pub first_byte: Duration,
    /// Time until its last byte.
    pub latency: Duration,
    /// Share of calls that succeed.
    pub reliability: f64,
    /// Quality of the answers, 0 to 1.
    pub quality: f64,
}

/// Estimates of a provider now.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// Time until the first byte of the response.
    pub first_byte: Duration,
    /// Time until its last byte.
    pub latency: Duration,
    /// Share of calls that succeed.
    pub reliability: f64,
    /// Quality of the answers, 0 to 1.
    pub quality: f64,
}

/// Expectations of a provider as the inner loop needs them: times in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) first_byte: f64,
    pub(super) latency: f64,
    pub(super) reliability: f64,
    pub(super) quality: f64,
}

/// Observations of one provider.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    prior: Expected,
    first_byte: Track,
    latency: Track,
    success: Track,
    quality: Track,
    /// Mean of the logarithms of latencies, which are nearly symmetric.
    log: Mean,
    latency_noise: Noise,
    latency_drift: Drift,
    quality_noise: Noise,
    quality_drift: Drift,
}

// === impl Expected ===

impl From<Prior> for Expected {
    fn from(prior: Prior) -> Self {
        Self {
            first_byte: prior.first_byte.as_secs_f64(),
            latency: prior.latency.as_secs_f64(),
            reliability: prior.reliability,
            quality: prior.quality,
        }
    }
}

impl From<Expected> for Estimate {
    fn from(expected: Expected) -> Self {
        Self {
            first_byte: duration(expected.first_byte),
            latency: duration(expected.latency),
            reliability: expected.reliability,
            quality: expected.quality,
        }
    }
}

/// Returns the duration nearest to a number of seconds, or the longest duration for a higher
/// number.
pub(super) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

// === impl Sums ===

impl Sums {
    pub(super) fn new(prior: Prior) -> Self {
        let prior = Expected::from(prior);
        Self {
            prior,
            first_byte: Track::new(prior.first_byte),
            latency: Track::new(prior.latency),
            success: Track::new(prior.reliability),
            quality: Track::new(prior.quality),
            log: Mean::default(),
            latency_noise: Noise::new(LATENCY_NOISE),
            latency_drift: Drift::default(),
            quality_noise: Noise::new(QUALITY_NOISE),
            quality_drift: Drift::default(),
        }
    }

    pub(super) fn set_prior(&mut self, prior: Prior) {
        let prior = Expected::from(prior);
        self.prior = prior;
        self.first_byte.set_prior(prior.first_byte);
        self.latency.set_prior(prior.latency);
        self.success.set_prior(prior.reliability);
        self.quality.set_prior(prior.quality);
    }

    /// Returns the assumed time to the first byte.
    pub(super) fn prior_first_byte(&self) -> f64 {
        self.prior.first_byte.max(SHORTEST)
    }

    pub(super) fn expected(&self, discount: Discount) -> Expected {
        Expected {
            first_byte: self.first_byte.get(discount),
            latency: self.latency.get(discount),
            reliability: self.success.get(discount),
            quality: self.quality.get(discount),
        }
    }

    /// Returns the mean latency as it would be with `count` more observations of `age`.
    pub(super) fn latency_with(&self, age: f64, count: f64, discount: Discount) -> f64 {
        let weight = LATENCY_PRIOR + discount.fast * self.latency.recent.weight;
        (weight * self.latency.get(discount) + count * age) / (weight + count)
    }

    /// Returns the failures and attempts that still count, for bounds on the failure rate.
    pub(super) fn failures(&self, fast: f64) -> (f64, f64) {
        let Mean { sum, weight } = self.success.recent;
        ((weight - sum).max(0.0) * fast, weight * fast)
    }

    pub(super) fn first_byte(&mut self, seconds: f64, discount: Discount) {
        let against = Against {
            prior: self.prior.first_byte,
            strength: [LATENCY_PRIOR; 2],
            recent: discount.fast,
        };
        self.first_byte.add(seconds, discount.fast, discount);
        self.first_byte.settle(against, discount);
    }

    pub(super) fn latency(&mut self, seconds: f64, discount: Discount) {
        let fast = discount.fast;
        let log = seconds.max(SHORTEST).ln();
        let prior = self.prior.latency.max(SHORTEST).ln();
        let expected = self.log.get(prior, LATENCY_PRIOR / fast);
        let evidence = self.latency_noise.evidence(log - expected, discount.long);
        self.log.add(log, 1.0 / fast);
        self.latency.add(seconds, fast, discount);
        if let Some(seen) = self.latency_drift.see(evidence, log, 1.0 / fast) {
            // The mean of a nearly lognormal distribution.
            let spread = self.latency_noise.variance(discount.long) / 2.0;
            let mean = (seen.sum / seen.weight + spread.min(2.0)).exp();
            self.log = seen;
            self.latency.recent = Mean {
                sum: mean * seen.weight,
                weight: seen.weight,
            };
        }
        let against = Against {
            prior: self.prior.latency,
            strength: [LATENCY_PRIOR; 2],
            recent: fast,
        };
        self.latency.settle(against, discount);
    }

    pub(super) fn success(&mut self, succeeded: bool, discount: Discount) {
        let value = f64::from(u8::from(succeeded));
        self.success.add(value, discount.fast, discount);
        self.settle_success(discount);
    }

    /// Forgets all observations except a row of failures.
    pub(super) fn only_failures(&mut self, row: u32, discount: Discount) {
        self.success.recent = Mean {
            sum: 0.0,
            weight: f64::from(row) / discount.fast,
        };
        self.settle_success(discount);
    }

    fn settle_success(&mut self, discount: Discount) {
        let against = Against {
            prior: self.prior.reliability,
            strength: [SUCCESS_PRIOR; 2],
            recent: discount.fast,
        };
        self.success.settle(against, discount);
    }

    pub(super) fn quality(&mut self, quality: f64, discount: Discount) {
        debug_assert!(
            (0.0..=1.0).contains(&quality),
            "a judgement is checked before it is told: {quality}"
        );
        let slow = discount.slow;
        let expected = self.quality.recent.get(self.prior.quality, 1.0 / slow);
        let evidence = self
            .quality_noise
            .evidence(quality - expected, discount.long);
        self.quality.add(quality, slow, discount);
        if let Some(seen) = self.quality_drift.see(evidence, quality, 1.0 / slow) {
            self.quality.recent = seen;
        }
        // Judgements that differ little among themselves settle it sooner.
        let noise = self.quality_noise.variance(discount.long);
        let against = Against {
            prior: self.prior.quality,
            strength: [(noise / QUALITY_SPREAD).clamp(0.1, 10.0), QUALITY_PRIOR],
            recent: slow,
        };
        self.quality.settle(against, discount);
    }

    pub(super) fn scale(&mut self, factors: Discount) {
        let Discount {
            fast, slow, long, ..
        } = factors;
        self.first_byte.scale(fast, factors);
        self.latency.scale(fast, factors);
        self.success.scale(fast, factors);
        self.quality.scale(slow, factors);
        self.log.scale(fast);
        self.latency_drift.scale(fast);
        self.latency_noise.scale(long);
        self.quality_drift.scale(slow);
        self.quality_noise.scale(long);
    }
}

#[cfg(test)]
mod tests;
