//! Policy by price alone.

use super::{Policy, least};
use crate::world::{Request, State};

/// Random choice, with weights of one over the price squared, without providers that failed within
/// 30 s.
pub(super) struct InversePrice {
    bad_until: Vec<f64>,
    rng: fastrand::Rng,
}

impl InversePrice {
    pub(super) fn new(count: usize, rng: fastrand::Rng) -> Self {
        Self {
            bad_until: vec![0.0; count],
            rng,
        }
    }
}

impl Policy for InversePrice {
    fn name(&self) -> &'static str {
        "1/price²"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let weight = |i: usize| match Some(i) == tried {
            true => 0.0,
            false if request.at < self.bad_until[i] => 1e-6 * states[i].price.powi(-2),
            false => states[i].price.powi(-2),
        };
        let sum: f64 = (0..states.len()).map(weight).sum();
        let mut point = self.rng.f64() * sum;
        let found = (0..states.len()).find(|&i| {
            point -= weight(i);
            point < 0.0
        });
        (
            found.unwrap_or_else(|| least(states.len(), tried, |_| 0.0)),
            0,
        )
    }

    fn failed(&mut self, now: f64, provider: usize, _: u64) {
        self.bad_until[provider] = now + 30.0;
    }
}
