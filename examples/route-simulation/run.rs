//! One run of a policy in a world.

use std::{cmp::Ordering, collections::BinaryHeap};

use crate::{
    policy::Policy,
    world::{Request, State, World, normal},
};

/// Value of a second, of the whole quality and of a failed request, by priority, as in
/// `Stakes::default`.
pub(crate) const SECOND: [f64; 3] = [0.000_05, 0.000_5, 0.005];
const QUALITY: [f64; 3] = [0.002, 0.005, 0.01];
pub(crate) const FAILURE: [f64; 3] = [0.005, 0.02, 0.05];
/// Duration of a failed call, in seconds.
const FAIL_TIME: f64 = 0.2;
/// Share of responses whose quality is judged.
const JUDGED: f64 = 0.1;

/// Outcome of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Dollars, including the value of waiting, lost quality and failures, by true means.
    pub(crate) total: f64,
    /// Dollars paid.
    pub(crate) paid: f64,
    pub(crate) requests: usize,
    /// Requests that failed finally.
    pub(crate) failed: usize,
    /// First choice of each request, and whether it failed.
    pub(crate) choices: Vec<(usize, bool)>,
    /// `total` after each request.
    pub(crate) course: Vec<f64>,
    latencies: Vec<f64>,
}

/// A call that ends later.
struct Ending {
    at: f64,
    provider: usize,
    call: u64,
    latency: f64,
    quality: Option<f64>,
}

/// Returns the random numbers for one request and provider: equal for every policy.
fn draws(request: &Request, provider: usize) -> fastrand::Rng {
    fastrand::Rng::with_seed(
        request.seed ^ (provider as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
    )
}

/// Returns the total cost of a successful call to a provider in this state.
fn worth(request: &Request, state: &State) -> f64 {
    state.price * request.size
        + SECOND[request.priority] * state.latency
        + QUALITY[request.priority] * (1.0 - state.quality)
}

/// Runs a policy. A failed call is retried once, with another provider.
pub(crate) fn run(world: &World, policy: &mut dyn Policy) -> Outcome {
    let mut outcome = Outcome::default();
    let mut endings = BinaryHeap::<Ending>::new();
    for request in &world.requests {
        while endings.peek().is_some_and(|ending| ending.at <= request.at) {
            if let Some(ending) = endings.pop() {
                policy.succeeded(
                    ending.at,
                    ending.provider,
                    ending.call,
                    ending.latency,
                    ending.quality,
                );
            }
        }
        let states: Vec<_> = (0..world.base.len())
            .map(|i| world.state(i, request.at))
            .collect();
        let mut tried = None;
        for attempt in 0..2 {
            let (provider, call) = policy.choose(request, &states, tried);
            let state = &states[provider];
            let mut rng = draws(request, provider);
            let failed = rng.f64() < state.errors;
            if attempt == 0 {
                outcome.choices.push((provider, failed));
            }
            if failed {
                outcome.total += SECOND[request.priority] * FAIL_TIME;
                policy.failed(request.at, provider, call);
                tried = Some(provider);
                if attempt == 1 {
                    outcome.total += FAILURE[request.priority];
                    outcome.failed += 1;
                }
                continue;
            }
            let latency = state.latency * (0.4 * normal(&mut rng) - 0.08).exp();
            let judged = rng.f64() < JUDGED;
            let noise = 0.05 * normal(&mut rng);
            outcome.total += worth(request, state);
            outcome.paid += state.price * request.size;
            outcome.latencies.push(latency);
            endings.push(Ending {
                at: request.at + latency,
                provider,
                call,
                latency,
                quality: judged.then(|| (state.quality + noise).clamp(0.0, 1.0)),
            });
            break;
        }
        outcome.requests += 1;
        outcome.course.push(outcome.total);
    }
    outcome
}

impl Outcome {
    /// Returns the additional cost compared with the oracle, as a share.
    pub(crate) fn regret(&self, oracle: &Self) -> f64 {
        self.total / oracle.total - 1.0
    }

    pub(crate) fn p95(&self) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(0.0)
    }
}

/// A policy that knows the true state of all providers, and chooses the best.
pub(crate) struct Oracle;

impl Policy for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn choose(
        &mut self,
        request: &Request,
        states: &[State],
        tried: Option<usize>,
    ) -> (usize, u64) {
        let last = |i: usize| {
            let state = &states[i];
            let failure = FAILURE[request.priority] + SECOND[request.priority] * FAIL_TIME;
            (1.0 - state.errors) * worth(request, state) + state.errors * failure
        };
        let best_but = |but: usize| {
            let others = (0..states.len()).filter(|&i| i != but);
            others.min_by(|&a, &b| last(a).total_cmp(&last(b)))
        };
        if let Some(tried) = tried {
            return (best_but(tried).unwrap_or(tried), 0);
        }
        let first = |i: usize| {
            let state = &states[i];
            let again = best_but(i).map_or(FAILURE[request.priority], last);
            let failing = SECOND[request.priority] * FAIL_TIME + again;
            (1.0 - state.errors) * worth(request, state) + state.errors * failing
        };
        let best = (0..states.len()).min_by(|&a, &b| first(a).total_cmp(&first(b)));
        (best.unwrap_or(0), 0)
    }
}

// The earliest ending first.
impl Ord for Ending {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at)
    }
}

impl PartialOrd for Ending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ending {}
