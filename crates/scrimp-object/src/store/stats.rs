//! The counts of a store.

use scrimp_core::{Counter, share_of};

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) found: Counter,
    pub(super) missing: Counter,
    pub(super) damaged: Counter,
    pub(super) outdated: Counter,
    pub(super) superseded: Counter,
    pub(super) left_out: Counter,
}

/// Counts of a [`BucketStore`](crate::BucketStore) since it was built, and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BucketStoreStats {
    /// Flag that the object store has failed several times in turn, and is not asked for now.
    pub open: bool,
    /// Look-ups that found responses.
    pub found: u64,
    /// Look-ups that found none.
    pub missing: u64,
    /// Objects that were cut off, changed, or not a stored response. Each was treated as missing.
    pub damaged: u64,
    /// Responses that were not used because they were invalidated since they were stored, or may
    /// have been.
    pub outdated: u64,
    /// Responses that were not stored because a newer one was.
    pub superseded: u64,
    /// Look-ups, writes and removals that were left out because the object store fails, or too many
    /// others were in progress.
    pub left_out: u64,
}

// === impl BucketStoreStats ===

impl BucketStoreStats {
    /// Returns the share of look-ups that found responses, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        share_of(self.found, self.found + self.missing)
    }
}

// === impl Counts ===

impl Counts {
    pub(super) fn read(&self, open: bool) -> BucketStoreStats {
        BucketStoreStats {
            open,
            found: self.found.get(),
            missing: self.missing.get(),
            damaged: self.damaged.get(),
            outdated: self.outdated.get(),
            superseded: self.superseded.get(),
            left_out: self.left_out.get(),
        }
    }
}
