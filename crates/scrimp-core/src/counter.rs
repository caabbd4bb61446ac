//! A number that only grows.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows, for what a layer counts.
///
/// Each has a cache line of its own, so that counting one thing does not slow down counting
/// another.
///
/// ```
/// let hits = scrimp_core::Counter::default();
/// hits.increment();
/// hits.add(2);
/// assert_eq!(hits.get(), 3);
/// ```
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Counter(AtomicU64);

/// Returns the share of a count in another one, from 0 to 1; 0 of nothing.
///
/// ```
/// assert_eq!(scrimp_core::share_of(1, 4), 0.25);
/// assert_eq!(scrimp_core::share_of(0, 0), 0.0);
/// ```
#[must_use]
pub fn share_of(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

// === impl Counter ===

impl Counter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts several at once.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// Returns the count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
