//! Counts of a log.

use scrimp_core::Counter;

use super::protocol::{Action, Message};

/// Counts of a [`RedisLog`](super::RedisLog) since it was built, and its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RedisLogStats {
    /// Flag that everything appended up to now is applied, as far as can be known.
    pub caught_up: bool,
    /// Position of the last record that was applied.
    pub position: u64,
    /// Records of all processes that came by message.
    pub received: u64,
    /// Calls that append a record.
    pub appends: u64,
    /// Such calls that failed. They are repeated.
    pub append_failures: u64,
    /// Messages to other processes about invalidations that Redis would not take into the log.
    pub announced: u64,
    /// Calls that read the log: at the start, after a gap, an interruption or silence.
    pub reads: u64,
    /// Times at which this process may have missed a record.
    pub behind: u64,
    /// Times at which this process replaced a log that had lost records.
    pub replaced: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    received: Counter,
    appends: Counter,
    pub(super) append_failures: Counter,
    announced: Counter,
    reads: Counter,
    pub(super) behind: Counter,
    replaced: Counter,
}

// === impl Counts ===

impl Counts {
    pub(super) fn message(&self, message: &Message) {
        if matches!(message, Message::Appended { .. }) {
            self.received.increment();
        }
    }

    pub(super) fn action(&self, action: &Action) {
        match action {
            Action::Append { .. } => self.appends.increment(),
            Action::Read { .. } => self.reads.increment(),
            Action::Distrust { .. } => self.replaced.increment(),
            Action::Announce { .. } => self.announced.increment(),
            Action::Beat => {}
        }
    }

    pub(super) fn read(&self) -> RedisLogStats {
        RedisLogStats {
            received: self.received.get(),
            appends: self.appends.get(),
            append_failures: self.append_failures.get(),
            announced: self.announced.get(),
            reads: self.reads.get(),
            behind: self.behind.get(),
            replaced: self.replaced.get(),
            ..RedisLogStats::default()
        }
    }
}
