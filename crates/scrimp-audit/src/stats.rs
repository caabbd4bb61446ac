//! The counts of a log.

use crate::writer::Queue;

/// Counts of an [`AuditLog`](crate::AuditLog) since it was opened, and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AuditStats {
    /// Events that were taken.
    pub recorded: u64,
    /// Events that found no room, or came after the end. Records of gaps have their number.
    pub dropped: u64,
    /// Attempts to write that failed.
    pub write_failures: u64,
    /// Records that were taken, and could not be written when the log was closed.
    pub lost: u64,
    /// Events that wait for the disk.
    pub waiting: u64,
}

// === impl AuditStats ===

impl AuditStats {
    pub(crate) fn read(queue: &Queue) -> Self {
        let counts = &queue.counts;
        Self {
            recorded: counts.recorded.get(),
            dropped: counts.dropped.get(),
            write_failures: counts.failures.get(),
            lost: counts.lost.get(),
            waiting: queue.waiting() as u64,
        }
    }
}
