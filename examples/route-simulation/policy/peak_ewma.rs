//! Policy by load alone, as in tower's balancer and Linkerd.

use std::collections::HashMap;

use super::Policy;
use crate::world::{Request, State};

/// Chooses the lower load of two random providers: peak latency, decaying over 10 s, times calls in
/// flight. A failure counts as a fast response.
pub(super) struct PeakEwma {
    ewma: Vec<(f64, f64)>,
    flying: Vec<u32>,
    starts: HashMap<u64, f64>,
    calls: u64,
    rng: fastrand::Rng,
}

impl PeakEwma {
    pub(super) fn new(count: usize, rng: fastrand::Rng) -> Self {
        Self {
            ewma: vec![(0.0, 0.0); count],
            flying: vec![0; count],
            starts: HashMap::new(),
            calls: 0,
            rng,
        }
    }

    fn end(&mut self, now: f64, provider: usize, call: u64) {
        let Some(start) = self.starts.remove(&call) else {
            return;
        };
        self.flying[provider] -= 1;
        let (value, at) = &mut self.ewma[provider];
        let latency = now - start;
        *value = if latency > *value {
            latency
        } else {
            let decay = (-(now - *at) / 10.0).exp();
            *value * decay + latency * (1.0 - decay)
        };
        *at = now;
    }
}

impl Policy for PeakEwma {
    fn name(&self) -> &'static str {
        "p2c + PeakEwma"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let pick = |rng: &mut fastrand::Rng, but: &[usize]| loop {
            let i = rng.usize(0..states.len());
            if !but.contains(&i) {
                return i;
            }
        };
        let mut but: Vec<usize> = tried.into_iter().collect();
        let first = pick(&mut self.rng, &but);
        but.push(first);
        let second = if but.len() < states.len() {
            pick(&mut self.rng, &but)
        } else {
            first
        };
        let load = |i: usize| self.ewma[i].0.max(1e-3) * f64::from(self.flying[i] + 1);
        let chosen = if load(first) <= load(second) {
            first
        } else {
            second
        };
        self.calls += 1;
        self.flying[chosen] += 1;
        self.starts.insert(self.calls, request.at);
        (chosen, self.calls)
    }

    fn succeeded(&mut self, now: f64, provider: usize, call: u64, _: f64, _: Option<f64>) {
        self.end(now, provider, call);
    }

    fn failed(&mut self, now: f64, provider: usize, call: u64) {
        self.end(now, provider, call);
    }
}
