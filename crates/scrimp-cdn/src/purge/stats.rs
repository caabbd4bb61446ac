//! Counters of a purger.

use scrimp_core::Counter;

/// Counters of a purger.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) purges: Counter,
    pub(super) duplicates: Counter,
    pub(super) widened: Counter,
    pub(super) skipped: Counter,
    pub(super) lost: Counter,
    pub(super) calls: Counter,
    pub(super) succeeded: Counter,
    pub(super) failed: Counter,
    pub(super) timed_out: Counter,
    pub(super) delivered: Counter,
}

/// Counters of a [`CdnPurger`](crate::CdnPurger) since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PurgeStats {
    /// Purges that were handed over.
    pub purges: u64,
    /// Items that another one covered, while both waited.
    pub duplicates: u64,
    /// Purges and items that became wider: the CDN could not do them, refused them, or the queue was
    /// full.
    pub widened: u64,
    /// Purges that the CDN cannot do, and that were left out: as the setting says, or because it has no
    /// purge of everything either.
    pub skipped: u64,
    /// Items that were refused or had no room, where the CDN has no wider purge. Only
    /// [`Nginx`](crate::Nginx) without `wildcards` and `purge_all` is such a one.
    pub lost: u64,
    /// Requests to the CDN, whatever became of them.
    pub calls: u64,
    /// Requests that the CDN accepted.
    pub succeeded: u64,
    /// Requests that failed or were refused.
    pub failed: u64,
    /// Those of them whose wait reached its limit.
    pub timed_out: u64,
    /// Items that the CDN accepted.
    pub delivered: u64,
    /// Items that wait at present.
    pub entries: u64,
    /// Requests that are under way at present.
    pub in_flight: u64,
}

// === impl Counters ===

impl Counters {
    /// Reads the counters. `present` are the items that wait and the requests under way.
    pub(super) fn read(&self, present: (usize, usize)) -> PurgeStats {
        PurgeStats {
            purges: self.purges.get(),
            duplicates: self.duplicates.get(),
            widened: self.widened.get(),
            skipped: self.skipped.get(),
            lost: self.lost.get(),
            calls: self.calls.get(),
            succeeded: self.succeeded.get(),
            failed: self.failed.get(),
            timed_out: self.timed_out.get(),
            delivered: self.delivered.get(),
            entries: present.0 as u64,
            in_flight: present.1 as u64,
        }
    }
}
