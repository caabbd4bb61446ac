//! The counts of a store.

use scrimp_core::share_of;

/// Counts of a [`DiskStore`](crate::DiskStore) since it was opened, and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DiskStoreStats {
    /// Flag that the files of an earlier process are all counted.
    pub counted: bool,
    /// Look-ups that found responses.
    pub found: u64,
    /// Look-ups that found none.
    pub missing: u64,
    /// Files that were cut off, changed, or not a stored response. Each was treated as missing.
    pub damaged: u64,
    /// Look-ups of responses that were invalidated since they were stored, or may have been.
    pub outdated: u64,
    /// Look-ups and writes that were left out because too many others waited for the disk.
    pub left_out: u64,
    /// Writes that found the disk full.
    pub disk_full: u64,
}

// === impl DiskStoreStats ===

impl DiskStoreStats {
    /// Returns the share of look-ups that found responses, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        share_of(self.found, self.found + self.missing)
    }
}
