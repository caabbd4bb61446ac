//! Counters.

use scrimp_core::Counter;

/// Counters of a [`ValueCache`](crate::ValueCache) since it was built, and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ValueCacheStats {
    /// Look-ups that found a value.
    pub hits: u64,
    /// Look-ups that found none: fills, and those of [`get`](crate::ValueCache::get).
    pub misses: u64,
    /// Callers that waited for the fill of another one. They count neither as hits nor as misses.
    pub joined: u64,
    /// Fills that failed.
    pub failed: u64,
    /// Values that were not stored, since they or all others were removed meanwhile.
    pub overtaken: u64,
    /// Values that were not stored, since there was no room for them.
    pub store_full: u64,
    /// Keys with a value.
    pub entries: u64,
    /// Bytes held by them.
    pub bytes: u64,
    /// Keys removed to make room.
    pub evicted: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) joined: Counter,
    pub(crate) failed: Counter,
    pub(crate) overtaken: Counter,
    pub(crate) store_full: Counter,
}

// === impl ValueCacheStats ===

impl ValueCacheStats {
    /// Returns the share of hits among hits and misses: 0 to 1. `None` before the first look-up.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }
}
