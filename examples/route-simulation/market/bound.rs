//! Least cost that a policy could reach.

use std::collections::HashMap;

use super::{account::prefix, world::World};
use crate::run::{FAILURE, SECOND};

/// Returns the cost of each request, with knowledge of all that is drawn: as if each account's cache held what any
/// account was sent, without quotas, lines and outages. A policy that sends each request at once cannot be cheaper.
pub(super) fn least(world: &World) -> f64 {
    let mut known = HashMap::new();
    let mut sum = 0.0;
    for demand in &world.demands {
        let cached = prefix(&mut known, demand, demand.at);
        let cost = |index: usize| {
            let spec = &world.specs[index];
            let draw = spec.draw(demand, index);
            let cached = if spec.caches { cached } else { 0 };
            let wait = match demand.due {
                Some(_) => 0.0,
                None => SECOND[demand.priority] * spec.seconds(draw, demand, cached),
            };
            let dollars: f64 = spec.dollars(demand, cached).into_iter().sum();
            let dollars = match (demand.due, world.batch) {
                (Some(_), Some(share)) => dollars * share,
                _ => dollars,
            };
            (!draw.fails).then_some(dollars + wait)
        };
        let least = (0..world.specs.len()).filter_map(cost).reduce(f64::min);
        sum += least.unwrap_or(FAILURE[demand.priority]);
    }
    sum
}
