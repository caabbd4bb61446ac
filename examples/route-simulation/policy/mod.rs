//! Policies of other projects, reimplemented from their behaviour, and scrimp's.

mod litellm;
mod min_max;
mod peak_ewma;
mod price;
mod scrimp;

pub(crate) use self::scrimp::Scrimp;

use self::{
    litellm::{Adaptive, LowestCost, LowestLatency},
    min_max::MinMax,
    peak_ewma::PeakEwma,
    price::InversePrice,
};
use ::scrimp::cost_route::engine::RouterConfig;

use crate::world::{Request, State};

/// A routing policy. Prices are listed and known to all policies; other properties must be learnt.
pub(crate) trait Policy {
    fn name(&self) -> &'static str;
    /// Returns a provider that was not tried for this request yet, and a number for the call.
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

/// Returns every policy, each with its own random numbers.
pub(crate) fn all(base: &[State], seed: u64) -> Vec<Box<dyn Policy>> {
    let rng = || fastrand::Rng::with_seed(seed);
    let count = base.len();
    vec![
        Box::new(Scrimp::new(base, RouterConfig::default())),
        Box::new(MinMax::new(base, 0.0, rng())),
        Box::new(MinMax::new(base, 0.05, rng())),
        Box::new(LowestLatency::new(count, rng())),
        Box::new(PeakEwma::new(count, rng())),
        Box::new(Adaptive::new(count, rng())),
        Box::new(InversePrice::new(count, rng())),
        Box::new(LowestCost::new(count)),
    ]
}

/// Returns the best provider that was not tried.
fn least(count: usize, tried: Option<usize>, score: impl Fn(usize) -> f64) -> usize {
    let others = (0..count).filter(|&i| Some(i) != tried);
    others
        .min_by(|&a, &b| score(a).total_cmp(&score(b)))
        .unwrap_or(0)
}
