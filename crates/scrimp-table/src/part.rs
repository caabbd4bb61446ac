//! A shard with its lock, and the look-ups in it.

use std::{
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::RwLock;

use super::shard::Shard;

/// A shard behind its lock. The counts are in the memory that a look-up writes anyway, for the lock.
pub(super) struct Part<V> {
    lock: RwLock<Shard<V>>,
    found: AtomicU64,
    missing: AtomicU64,
}

// === impl Part ===

impl<V> Part<V> {
    /// Counts a look-up.
    #[inline]
    pub(super) fn note_look_up(&self, found: bool) {
        let count = if found { &self.found } else { &self.missing };
        count.fetch_add(1, Relaxed);
    }

    /// Returns the number of look-ups that found a value.
    pub(super) fn found(&self) -> u64 {
        self.found.load(Relaxed)
    }

    /// Returns the number of look-ups that found none.
    pub(super) fn missing(&self) -> u64 {
        self.missing.load(Relaxed)
    }
}

impl<V> Default for Part<V> {
    fn default() -> Self {
        Self {
            lock: RwLock::default(),
            found: AtomicU64::new(0),
            missing: AtomicU64::new(0),
        }
    }
}

impl<V> Deref for Part<V> {
    type Target = RwLock<Shard<V>>;

    fn deref(&self) -> &RwLock<Shard<V>> {
        &self.lock
    }
}
