//! How others choose, written anew from what they do; and how scrimp does.

use std::collections::{HashMap, VecDeque};

use scrimp::{
    core::extensions::Priority,
    cost_route::engine::{Ask, Barred, Outcome, Prior, Reason, Router, RouterConfig, Ticket},
};

use crate::world::{Request, State, normal};

/// Prices are on the list and known to all; the rest has to be learnt.
pub(crate) trait Policy {
    fn name(&self) -> &'static str;
    /// A provider that was not tried for this request yet, and a number for the call.
    fn choose(&mut self, request: &Request, states: &[State], tried: Option<usize>)
    -> (usize, u64);
    fn succeeded(
        &mut self,
        _now: f64,
        _provider: usize,
        _call: u64,
        _latency: f64,
        _quality: Option<f64>,
    ) {
    }
    fn failed(&mut self, _now: f64, _provider: usize, _call: u64) {}
}

/// Every policy, each with its own random numbers.
pub(crate) fn all(base: &[State], seed: u64) -> Vec<Box<dyn Policy>> {
    let rng = || fastrand::Rng::with_seed(seed);
    let count = base.len();
    vec![
        Box::new(Scrimp::new(base, RouterConfig::default())),
        Box::new(MinMax {
            random: 0.0,
            known: base.to_vec(),
            rng: rng(),
        }),
        Box::new(MinMax {
            random: 0.05,
            known: base.to_vec(),
            rng: rng(),
        }),
        Box::new(LowestLatency {
            recent: vec![VecDeque::new(); count],
            cooldown: Cooldown::new(count),
            rng: rng(),
        }),
        Box::new(PeakEwma {
            ewma: vec![(0.0, 0.0); count],
            flying: vec![0; count],
            starts: HashMap::new(),
            calls: 0,
            rng: rng(),
        }),
        Box::new(Adaptive {
            cells: vec![(7.0, 3.0); count],
            cooldown: Cooldown::new(count),
            rng: rng(),
        }),
        Box::new(InversePrice {
            bad_until: vec![0.0; count],
            rng: rng(),
        }),
        Box::new(LowestCost {
            cooldown: Cooldown::new(count),
        }),
    ]
}

/// Scrimp's router, told what the providers are like at the start.
pub(crate) struct Scrimp {
    pub(crate) router: Router,
    pub(crate) reasons: Vec<Reason>,
    tickets: HashMap<u64, Ticket>,
    calls: u64,
}

impl Scrimp {
    pub(crate) fn new(base: &[State], config: RouterConfig) -> Self {
        let mut router = Router::new(config);
        for state in base {
            router.add(Prior {
                first_byte: state.latency,
                latency: state.latency,
                reliability: 1.0 - state.errors,
                quality: state.quality,
            });
        }
        Self {
            router,
            reasons: Vec::new(),
            tickets: HashMap::new(),
            calls: 0,
        }
    }

    fn end(&mut self, now: f64, call: u64, outcome: Outcome, quality: Option<f64>) {
        if let Some(ticket) = self.tickets.remove(&call) {
            self.router.ended(now, ticket, outcome);
            if let Some(quality) = quality {
                self.router.judged(now, ticket, quality);
            }
        }
    }
}

impl Policy for Scrimp {
    fn name(&self) -> &'static str {
        "scrimp"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let priority = [Priority::Low, Priority::Default, Priority::High][request.priority];
        let ask = Ask {
            priority,
            // A failed call is tried once more, and that is the last time.
            replayable: tried.is_none(),
            // As the layer does: sizes of about the same number of tokens are of a kind.
            kind: (1_300.0 * request.size).log2() as u64,
            ..Ask::default()
        };
        let mut barred = Barred::default();
        if let Some(tried) = tried {
            barred.bar(tried);
        }
        let cost = |index: usize| Some(states[index].price * request.size);
        let choice = self
            .router
            .choose(request.at, &ask, &barred, cost)
            .expect("somebody is left");
        if tried.is_none() {
            self.reasons.push(choice.reason);
        }
        self.calls += 1;
        let ticket = self.router.started(request.at, choice.index);
        self.tickets.insert(self.calls, ticket);
        (choice.index, self.calls)
    }

    fn succeeded(
        &mut self,
        now: f64,
        _provider: usize,
        call: u64,
        _latency: f64,
        quality: Option<f64>,
    ) {
        self.end(now, call, Outcome::Succeeded, quality);
    }

    fn failed(&mut self, now: f64, _provider: usize, call: u64) {
        self.end(now, call, Outcome::Failed { retry_after: None }, None);
    }
}

/// The best of those that were not tried.
fn least(count: usize, tried: Option<usize>, score: impl Fn(usize) -> f64) -> usize {
    let others = (0..count).filter(|&i| Some(i) != tried);
    others
        .min_by(|&a, &b| score(a).total_cmp(&score(b)))
        .unwrap_or(0)
}

/// LiteLLM's: out for 5 s after more than half of at least 5 calls within a minute failed.
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

    /// Behind all others while it is out.
    fn penalty(&self, now: f64, provider: usize) -> f64 {
        if now < self.until[provider] { 1e9 } else { 0.0 }
    }
}

/// Sum of the rates in and out, whatever the request's size.
struct LowestCost {
    cooldown: Cooldown,
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

/// At random, by one over the price squared, away from who failed within 30 s.
struct InversePrice {
    bad_until: Vec<f64>,
    rng: fastrand::Rng,
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

/// Mean of the last ten; nothing known counts as 0 s, a failure as 1,000 s.
struct LowestLatency {
    recent: Vec<VecDeque<f64>>,
    cooldown: Cooldown,
    rng: fastrand::Rng,
}

impl LowestLatency {
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

/// Thompson sampling of a Beta per model, 0.7 quality and 0.3 min-max price; no update past
/// 200 observations.
struct Adaptive {
    cells: Vec<(f64, f64)>,
    cooldown: Cooldown,
    rng: fastrand::Rng,
}

impl Adaptive {
    /// The Beta by its normal approximation, fine at these counts.
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

/// Two at random, the one with the lower load: peak latency, decaying over 10 s, times calls
/// under way. A failure is an answer like any other, and a fast one.
struct PeakEwma {
    ewma: Vec<(f64, f64)>,
    flying: Vec<u32>,
    starts: HashMap<u64, f64>,
    calls: u64,
    rng: fastrand::Rng,
}

impl PeakEwma {
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

/// Weights by priority over values divided by the largest, which are moving averages.
struct MinMax {
    random: f64,
    known: Vec<State>,
    rng: fastrand::Rng,
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
