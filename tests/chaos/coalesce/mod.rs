//! Shared calls during failures.

mod storm;
mod upstreams;

use scrimp::coalesce::CoalesceLayer;

/// Checks that nothing is in flight, and no memory is held.
fn is_empty(layer: &CoalesceLayer) {
    let stats = layer.stats();
    assert_eq!((stats.in_flight, stats.held_bytes), (0, 0), "{stats:?}");
}
