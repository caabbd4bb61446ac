//! One account with a provider: its prices and properties, and the state of its cache and its quota.

use std::collections::HashMap;

use super::trace::Demand;
use crate::world::normal;

/// Seconds for which a cache holds a block after its last use.
pub(super) const LIFETIME: f64 = 300.0;
/// Least number of tokens of a prefix that is cached.
const LEAST: u64 = 1_024;
/// The shortest and the longest time of a call that stalls, in seconds.
const STALL: (f64, f64) = (5.0, 120.0);
/// Exponent of the time of a call that stalls.
const EXPONENT: f64 = 1.3;

/// Properties of an account.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    /// Dollars per million tokens: of a prompt, of the part of it that the cache holds, and of an answer.
    pub(super) price: [f64; 3],
    /// Mean time to the first token of a short prompt, in seconds.
    pub(super) first: f64,
    /// Tokens of a prompt that are read in a second, without those of the cache.
    pub(super) reads: f64,
    /// Tokens of an answer that are written in a second.
    pub(super) writes: f64,
    /// True if it caches prompts.
    pub(super) caches: bool,
    /// Tokens per minute, if it has a quota.
    pub(super) quota: Option<f64>,
    /// Calls that are worked on at once. Others stand in line.
    pub(super) slots: usize,
    /// Share of calls that stall.
    pub(super) stalls: f64,
    /// Share of calls that fail.
    pub(super) errors: f64,
    /// Seconds between which every call fails.
    pub(super) down: Option<(f64, f64)>,
}

/// Properties of one call, which are equal for every policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    pub(super) fails: bool,
    /// Seconds to the first token, without the time to read the prompt.
    first: f64,
}

/// State of an account.
#[derive(Debug)]
pub(super) struct State {
    cache: HashMap<u64, f64>,
    left: f64,
    at: f64,
}

// === impl Spec ===

impl Spec {
    /// Returns the account that the worlds begin with: at the list prices of GPT-5 in 2025, with 10 % for a prefix
    /// in the cache.
    pub(super) fn usual() -> Self {
        Self {
            price: [1.25, 0.125, 10.0],
            first: 0.6,
            reads: 12_000.0,
            writes: 80.0,
            caches: true,
            quota: None,
            slots: usize::MAX,
            stalls: 0.0,
            errors: 0.002,
            down: None,
        }
    }

    pub(super) fn draw(&self, demand: &Demand, index: usize) -> Draw {
        let seed = demand.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut rng = fastrand::Rng::with_seed(seed);
        let fails = rng.f64() < self.errors;
        let usual = self.first * (0.4 * normal(&mut rng) - 0.08).exp();
        let (stalls, length) = (rng.f64() < self.stalls, 1.0 - rng.f64());
        let stall = (STALL.0 / length.powf(1.0 / EXPONENT)).min(STALL.1);
        Draw {
            fails,
            first: if stalls { stall } else { usual },
        }
    }

    /// Returns the seconds that a call takes, of which the prompt's `cached` first tokens take none.
    pub(super) fn seconds(&self, draw: Draw, demand: &Demand, cached: u64) -> f64 {
        let read = demand.input.saturating_sub(cached) as f64 / self.reads;
        draw.first + read + demand.output as f64 / self.writes
    }

    /// Returns the dollars for a prompt, and for its answer.
    pub(super) fn dollars(&self, demand: &Demand, cached: u64) -> [f64; 2] {
        let fresh = demand.input.saturating_sub(cached) as f64;
        let prompt = fresh * self.price[0] + cached as f64 * self.price[1];
        [prompt, demand.output as f64 * self.price[2]].map(|micros| micros / 1e6)
    }

    /// Returns the mean seconds of a call of usual size.
    pub(super) fn latency(&self) -> f64 {
        self.first + 2_000.0 / self.reads + 30.0 / self.writes
    }

    pub(super) fn is_down(&self, now: f64) -> bool {
        self.down.is_some_and(|(from, to)| now >= from && now < to)
    }
}

// === impl State ===

impl State {
    pub(super) fn new(spec: &Spec) -> Self {
        Self {
            cache: HashMap::new(),
            left: spec.quota.unwrap_or(f64::INFINITY),
            at: 0.0,
        }
    }

    /// Takes a request's tokens from the quota, which fills up evenly. Returns the seconds until there is room,
    /// if there is none.
    pub(super) fn admit(&mut self, spec: &Spec, demand: &Demand, now: f64) -> Result<(), f64> {
        let Some(quota) = spec.quota else {
            return Ok(());
        };
        self.fill(quota, now);
        let need = (demand.input + demand.output) as f64;
        // A prompt above the quota passes when the quota is full.
        if self.left < need.min(quota) {
            return Err((need.min(quota) - self.left) * 60.0 / quota);
        }
        self.left -= need;
        Ok(())
    }

    fn fill(&mut self, quota: f64, now: f64) {
        self.left = (self.left + (now - self.at) * quota / 60.0).min(quota);
        self.at = now;
    }

    /// Returns the tokens that are left, and the seconds until all are there again.
    pub(super) fn left(&mut self, quota: f64, now: f64) -> (f64, f64) {
        self.fill(quota, now);
        (self.left.max(0.0), (quota - self.left) * 60.0 / quota)
    }

    /// Returns the tokens that the cache holds of a prompt, and keeps the prompt in it.
    pub(super) fn cached(&mut self, spec: &Spec, demand: &Demand, now: f64) -> u64 {
        if !spec.caches {
            return 0;
        }
        prefix(&mut self.cache, demand, now)
    }
}

/// Returns the tokens of a prompt's known beginning, and makes all of it known.
pub(super) fn prefix(known: &mut HashMap<u64, f64>, demand: &Demand, now: f64) -> u64 {
    let (mut cached, mut is_hit) = (0, true);
    for (block, tokens) in demand.parts() {
        let last = known.insert(block, now);
        is_hit &= last.is_some_and(|last| now - last <= LIFETIME);
        cached += if is_hit { tokens } else { 0 };
    }
    if cached < LEAST { 0 } else { cached }
}
