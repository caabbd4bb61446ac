//! Calls that are shared, while everything breaks.

mod storm;
mod upstreams;

use scrimp::coalesce::CoalesceLayer;

/// Nothing is under way, and nothing is held.
fn is_empty(layer: &CoalesceLayer) {
    let stats = layer.stats();
    assert_eq!((stats.in_flight, stats.held_bytes), (0, 0), "{stats:?}");
}
