//! A stored value.

use std::sync::Arc;

use scrimp_table::Kept;
use tokio::time::Instant;

/// Bytes that an entry takes besides its key, its value and its place in the table: see `tests/memory.rs`.
const OVERHEAD: u64 = 40;

/// A value, its weight and its end.
#[derive(Debug)]
pub(crate) struct Stored<V> {
    pub(crate) value: Arc<V>,
    weight: u64,
    until: Option<Instant>,
}

// === impl Stored ===

impl<V> Stored<V> {
    /// Returns the value under a key of this length. `weight` is that of what the value owns.
    pub(crate) fn new(value: Arc<V>, key: usize, weight: u64, until: Option<Instant>) -> Self {
        let fixed = OVERHEAD + (size_of::<V>() + key) as u64;
        Self {
            value,
            weight: weight.saturating_add(fixed),
            until,
        }
    }

    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl<V> Kept for Stored<V> {
    fn weight(&self) -> u64 {
        self.weight
    }

    fn until(&self) -> Option<Instant> {
        self.until
    }
}
