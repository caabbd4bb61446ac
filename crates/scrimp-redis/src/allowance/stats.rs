//! The counts of an allowance.

use scrimp_core::Counter;

#[derive(Default)]
pub(super) struct Counts {
    pub(super) taken: Counter,
    pub(super) refused: Counter,
    pub(super) waited: Counter,
    pub(super) unbacked: Counter,
    pub(super) calls: Counter,
    pub(super) failed: Counter,
    pub(super) recalled: Counter,
}

/// Counts of a [`RedisAllowance`](crate::RedisAllowance) since it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RedisAllowanceStats {
    /// Amounts that were taken.
    pub taken: u64,
    /// Amounts that were refused.
    pub refused: u64,
    /// Attempts that had to wait for Redis, or for other processes.
    pub waited: u64,
    /// Amounts that were taken without a lease, as Redis did not answer.
    pub unbacked: u64,
    /// Messages to Redis, whatever became of them.
    pub calls: u64,
    /// Messages to Redis that were not answered.
    pub failed: u64,
    /// Requests of other processes to return what is free.
    pub recalled: u64,
    /// Accounts that are known at present.
    pub entries: u64,
}

// === impl Counts ===

impl Counts {
    pub(super) fn read(&self, entries: usize) -> RedisAllowanceStats {
        RedisAllowanceStats {
            taken: self.taken.get(),
            refused: self.refused.get(),
            waited: self.waited.get(),
            unbacked: self.unbacked.get(),
            calls: self.calls.get(),
            failed: self.failed.get(),
            recalled: self.recalled.get(),
            entries: entries as u64,
        }
    }
}
