//! Policy by weights.

use super::{Policy, least};
use crate::world::{Request, State};

/// Weights by priority on moving averages, divided by the largest value.
pub(super) struct MinMax {
    random: f64,
    known: Vec<State>,
    rng: fastrand::Rng,
}

impl MinMax {
    /// Makes the policy. `random` is the share of requests that go to a random provider.
    pub(super) fn new(base: &[State], random: f64, rng: fastrand::Rng) -> Self {
        Self {
            random,
            known: base.to_vec(),
            rng,
        }
    }
}

impl Policy for MinMax {
    fn name(&self) -> &'static str {
        if self.random > 0.0 {
            "min-max weights + 5 % random"
        } else {
            "min-max weights, EWMA"
        }
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        if self.rng.f64() < self.random {
            let jitter: Vec<f64> = states.iter().map(|_| self.rng.f64()).collect();
            return (least(states.len(), tried, |i| jitter[i]), 0);
        }
        // Cost, latency, quality, reliability.
        let w = [
            [0.6, 0.1, 0.2, 0.1],
            [0.3, 0.3, 0.2, 0.2],
            [0.1, 0.4, 0.3, 0.2],
        ][request.priority];
        let dearest = states.iter().map(|s| s.price).fold(0.0, f64::max);
        let slowest = self.known.iter().map(|s| s.latency).fold(0.0, f64::max);
        let score = |i: usize| {
            let known = &self.known[i];
            -(w[0] * (1.0 - states[i].price / dearest)
                + w[1] * (1.0 - known.latency / slowest)
                + w[2] * known.quality
                + w[3] * (1.0 - known.errors))
        };
        (least(states.len(), tried, score), 0)
    }

    fn succeeded(&mut self, _: f64, provider: usize, _: u64, latency: f64, quality: Option<f64>) {
        let known = &mut self.known[provider];
        known.latency += 0.1 * (latency - known.latency);
        known.errors -= 0.1 * known.errors;
        if let Some(quality) = quality {
            known.quality += 0.1 * (quality - known.quality);
        }
    }

    fn failed(&mut self, _: f64, provider: usize, _: u64) {
        let known = &mut self.known[provider];
        known.errors += 0.1 * (1.0 - known.errors);
    }
}
