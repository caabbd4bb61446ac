//! LiteLLM's strategies, after the source of 1.109.1 and with its defaults.

use std::collections::VecDeque;

use super::{Policy, least};
use crate::world::{Request, State, normal};

/// LiteLLM's cooldown: 5 s after more than half of at least 5 calls within a minute failed.
struct Cooldown {
    until: Vec<f64>,
    minute: Vec<(f64, u32, u32)>,
}

impl Cooldown {
    fn new(count: usize) -> Self {
        Self {
            until: vec![0.0; count],
            minute: vec![(0.0, 0, 0); count],
        }
    }

    fn count(&mut self, now: f64, provider: usize, failed: bool) {
        let (minute, calls, failures) = &mut self.minute[provider];
        if (now / 60.0).floor() > *minute {
            (*minute, *calls, *failures) = ((now / 60.0).floor(), 0, 0);
        }
        *calls += 1;
        *failures += u32::from(failed);
        if failed && *calls >= 5 && *failures * 2 > *calls {
            self.until[provider] = now + 5.0;
        }
    }

    /// Puts a provider after all others during its cooldown.
    fn penalty(&self, now: f64, provider: usize) -> f64 {
        if now < self.until[provider] { 1e9 } else { 0.0 }
    }
}

/// Sum of the rates in and out, independent of the request's size.
pub(super) struct LowestCost {
    cooldown: Cooldown,
}

impl LowestCost {
    pub(super) fn new(count: usize) -> Self {
        Self {
            cooldown: Cooldown::new(count),
        }
    }
}

impl Policy for LowestCost {
    fn name(&self) -> &'static str {
        "LiteLLM lowest_cost"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let score = |i: usize| states[i].price + self.cooldown.penalty(request.at, i);
        (least(states.len(), tried, score), 0)
    }

    fn succeeded(&mut self, now: f64, provider: usize, _: u64, _: f64, _: Option<f64>) {
        self.cooldown.count(now, provider, false);
    }

    fn failed(&mut self, now: f64, provider: usize, _: u64) {
        self.cooldown.count(now, provider, true);
    }
}

/// Mean of the last ten; an unknown provider counts as 0 s, a failure as 1,000 s.
pub(super) struct LowestLatency {
    recent: Vec<VecDeque<f64>>,
    cooldown: Cooldown,
    rng: fastrand::Rng,
}

impl LowestLatency {
    pub(super) fn new(count: usize, rng: fastrand::Rng) -> Self {
        Self {
            recent: vec![VecDeque::new(); count],
            cooldown: Cooldown::new(count),
            rng,
        }
    }

    fn note(&mut self, provider: usize, latency: f64) {
        let recent = &mut self.recent[provider];
        recent.push_back(latency);
        if recent.len() > 10 {
            recent.pop_front();
        }
    }
}

impl Policy for LowestLatency {
    fn name(&self) -> &'static str {
        "LiteLLM lowest_latency"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let jitter: Vec<f64> = states.iter().map(|_| self.rng.f64() * 1e-9).collect();
        let score = |i: usize| {
            let recent = &self.recent[i];
            let mean = recent.iter().sum::<f64>() / recent.len().max(1) as f64;
            mean + jitter[i] + self.cooldown.penalty(request.at, i)
        };
        (least(states.len(), tried, score), 0)
    }

    fn succeeded(&mut self, now: f64, provider: usize, _: u64, latency: f64, _: Option<f64>) {
        self.cooldown.count(now, provider, false);
        self.note(provider, latency);
    }

    fn failed(&mut self, now: f64, provider: usize, _: u64) {
        self.cooldown.count(now, provider, true);
        self.note(provider, 1_000.0);
    }
}

/// Prior of a model that declares neither tier nor strengths: a mean of a half, with the weight of
/// ten observations.
const PRIOR: (f64, f64) = (5.0, 5.0);

/// Thompson sampling of a Beta per model, 0.7 quality and 0.3 min-max price; no update above 200
/// observations. It judges responses by signs in the later conversation; here it receives the
/// quality that the other policies receive.
pub(super) struct Adaptive {
    cells: Vec<(f64, f64)>,
    cooldown: Cooldown,
    rng: fastrand::Rng,
}

impl Adaptive {
    pub(super) fn new(count: usize, rng: fastrand::Rng) -> Self {
        Self {
            cells: vec![PRIOR; count],
            cooldown: Cooldown::new(count),
            rng,
        }
    }

    /// Draws from the Beta by its normal approximation, which is good at these counts.
    fn sample(&mut self, provider: usize) -> f64 {
        let (a, b) = self.cells[provider];
        let (mean, sum) = (a / (a + b), a + b);
        let deviation = (mean * (1.0 - mean) / (sum + 1.0)).sqrt();
        (mean + deviation * normal(&mut self.rng)).clamp(0.0, 1.0)
    }

    fn update(&mut self, provider: usize, good: f64) {
        let (a, b) = &mut self.cells[provider];
        if *a + *b + 1.0 <= 200.0 {
            *a += good;
            *b += 1.0 - good;
        }
    }
}

impl Policy for Adaptive {
    fn name(&self) -> &'static str {
        "LiteLLM adaptive"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let samples: Vec<f64> = (0..states.len()).map(|i| self.sample(i)).collect();
        let low = states.iter().map(|s| s.price).fold(f64::INFINITY, f64::min);
        let high = states.iter().map(|s| s.price).fold(0.0, f64::max);
        let score = |i: usize| {
            let cheap = 1.0 - (states[i].price - low) / (high - low).max(1e-12);
            self.cooldown.penalty(request.at, i) - 0.7 * samples[i] - 0.3 * cheap
        };
        (least(states.len(), tried, score), 0)
    }

    fn succeeded(&mut self, now: f64, provider: usize, _: u64, _: f64, quality: Option<f64>) {
        self.cooldown.count(now, provider, false);
        if let Some(quality) = quality {
            self.update(provider, quality);
        }
    }

    fn failed(&mut self, now: f64, provider: usize, _: u64) {
        self.cooldown.count(now, provider, true);
        self.update(provider, 0.0);
    }
}
