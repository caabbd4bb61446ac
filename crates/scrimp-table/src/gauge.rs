//! Counts and limits of a store in memory.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;
use scrimp_core::Key;

/// Bytes held, and values evicted for them.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    bytes: AtomicU64,
    /// Part of `bytes` that is lent to others.
    lent: AtomicU64,
    entries: AtomicU64,
    peak: AtomicU64,
    evicted: AtomicU64,
}

/// Keys per tenant, counted only if there is a limit.
#[derive(Debug)]
pub(super) struct Tenants {
    /// `u64::MAX`: no limit, and nothing is counted.
    limit: u64,
    counts: Mutex<HashMap<Box<[u8]>, u64>>,
}

// === impl Gauge ===

impl Gauge {
    /// Takes bytes, if at most `limit` are then held.
    pub(super) fn take(&self, bytes: u64, limit: u64) -> bool {
        let add = |held: u64| held.checked_add(bytes).filter(|&held| held <= limit);
        self.bytes.fetch_update(Relaxed, Relaxed, add).is_ok()
    }

    /// Returns the number of bytes that have to be given back before these can be taken.
    pub(super) fn missing(&self, bytes: u64, limit: u64) -> u64 {
        self.bytes().saturating_add(bytes).saturating_sub(limit)
    }

    /// Notes that bytes which were taken are not for entries.
    pub(super) fn lend(&self, bytes: u64) {
        self.lent.fetch_add(bytes, Relaxed);
    }

    pub(super) fn return_lent(&self, bytes: u64) {
        self.lent.fetch_sub(bytes, Relaxed);
        self.give_back(bytes);
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    pub(super) fn count_added(&self) {
        self.entries.fetch_add(1, Relaxed);
    }

    pub(super) fn count_removed(&self) {
        self.entries.fetch_sub(1, Relaxed);
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries.load(Relaxed)
    }

    /// Notes how many bytes are held after evictions.
    pub(super) fn note_peak(&self) {
        self.peak.fetch_max(self.bytes_of_entries(), Relaxed);
    }

    pub(super) fn count_evicted(&self) {
        self.evicted.fetch_add(1, Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(super) fn bytes_of_entries(&self) -> u64 {
        let lent = self.lent.load(Relaxed);
        self.bytes().saturating_sub(lent)
    }

    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }
}

// === impl Tenants ===

impl Tenants {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            counts: Mutex::default(),
        }
    }

    /// Counts a new key. Returns false, without counting, if its tenant has as many as it may
    /// have.
    pub(super) fn take(&self, key: &Key) -> bool {
        if self.limit == u64::MAX {
            return true;
        }
        let tenant = tenant(key);
        let mut counts = self.counts.lock();
        match counts.get_mut(tenant) {
            Some(count) if *count >= self.limit => false,
            Some(count) => {
                *count += 1;
                true
            }
            None => {
                counts.insert(tenant.into(), 1);
                true
            }
        }
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.counts.lock().len()
    }

    /// Notes that a key is gone.
    pub(super) fn release(&self, key: &Key) {
        if self.limit == u64::MAX {
            return;
        }
        let tenant = tenant(key);
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(tenant);
            }
        }
    }
}

/// Returns the tenant, which is the first part of every key.
fn tenant(key: &Key) -> &[u8] {
    key.as_ref().parts().next().unwrap_or_default()
}
