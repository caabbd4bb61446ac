//! The settings of the store in memory.

use scrimp_core::{SettingError, Settings};

use super::MemoryStore;

/// Divisor of the memory limit that gives the most that responses still being received may take.
const FILL_SHARE: u64 = 8;

/// Divisor of the memory limit that gives the part set aside for them.
const RESERVE: u64 = 34;

/// Builds a [`MemoryStore`]. Made by [`MemoryStore::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MemoryStoreBuilder(pub(super) Settings<Limits>);

#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) max_bytes: u64,
    pub(super) max_body: u64,
    pub(super) max_keys_per_tenant: u64,
}

// === impl MemoryStoreBuilder ===

impl MemoryStoreBuilder {
    /// Sets the size of the largest body that is stored, in bytes. Default and maximum: one eighth
    /// of the store, as a body has to fit while it is received.
    pub fn max_body(self, bytes: u64) -> Self {
        let most = self.0.values().for_fills();
        Self(self.0.within("max_body", bytes, ..=most, |limits, bytes| {
            limits.max_body = bytes;
        }))
    }

    /// Sets the maximum number of keys for each [`Tenant`](scrimp_core::extensions::Tenant), so
    /// that one tenant cannot displace the others. A further key is not stored until one of the
    /// tenant's keys is removed. Default: no limit. Range: 1 or more.
    pub fn max_keys_per_tenant(self, keys: u64) -> Self {
        let name = "max_keys_per_tenant";
        Self(self.0.within(name, keys, 1.., |limits, keys| {
            limits.max_keys_per_tenant = keys;
        }))
    }

    /// Returns the store.
    ///
    /// # Errors
    ///
    /// Returns the first invalid setting.
    pub fn build(self) -> Result<MemoryStore, SettingError> {
        Ok(MemoryStore::with(&self.0.finish()?))
    }
}

// === impl Limits ===

impl Limits {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            max_bytes,
            max_body: max_bytes / FILL_SHARE,
            max_keys_per_tenant: u64::MAX,
        }
    }

    /// Returns the bytes set aside for responses still being received.
    pub(super) fn reserved(&self) -> u64 {
        self.max_bytes / RESERVE
    }

    /// Returns the bytes that responses still being received may take at most.
    pub(super) fn for_fills(&self) -> u64 {
        self.max_bytes / FILL_SHARE
    }
}
