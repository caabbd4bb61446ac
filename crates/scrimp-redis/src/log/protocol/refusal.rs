//! Invalidations while the server takes no writes: nodes tell each other of them by messages, and each node
//! appends what it was told of once the server takes writes again.

use bytes::Bytes;
use tokio::time::Instant;

use super::{Action, Node, Replica};

/// Failures after which all is repeated every time that the server has refused this many.
const REPEATED: u32 = 8;

/// Knowledge of a server that takes no writes.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// Flag that the server takes no writes, as far as is known.
    refused: bool,
    /// Time of the next message about new invalidations.
    due: Option<Instant>,
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn next(&self) -> Option<Instant> {
        self.due
    }
}

// === impl Node ===

impl<R: Replica> Node<R> {
    /// Handles a refusal: tells the others of all that has no position. For those who come later, that is
    /// repeated after more and more refusals.
    pub(super) fn refused(&mut self) {
        let begins = !self.refusal.refused;
        self.begin_refusal();
        let failures = self.appending.failures();
        self.announce(false);
        if !begins && (failures.is_power_of_two() || failures.is_multiple_of(REPEATED)) {
            self.announce(true);
        }
    }

    /// Notes that the server takes writes.
    pub(super) fn accepted(&mut self) {
        if std::mem::take(&mut self.refusal).refused {
            self.replica.end_refusal();
        }
    }

    /// Handles the message of a node whose record was refused.
    pub(super) fn told(&mut self, now: Instant, by: u64, again: bool, bytes: &Bytes) {
        if by == self.name {
            return;
        }
        self.begin_refusal();
        self.replica.adopt(bytes, again);
        // By chance, or all nodes would try at the same moment.
        let chance = self.timing.longest_retry.mul_f64(self.random.f64());
        let wait = self.timing.longest_retry + chance;
        self.appending.append_after(now, wait);
    }

    fn begin_refusal(&mut self) {
        if !self.refusal.refused {
            self.refusal.refused = true;
            let taken = self.appending.without_position();
            self.replica.begin_refusal(taken);
        }
    }

    /// Gathers what is to be told, if the server takes no writes.
    pub(super) fn announce_soon(&mut self, now: Instant) {
        if self.refusal.refused && self.refusal.due.is_none() {
            self.refusal.due = now.checked_add(self.timing.gather);
        }
    }

    pub(super) fn announce_due(&mut self, now: Instant) {
        if self.refusal.due.is_some_and(|due| now >= due) {
            self.announce(false);
        }
    }

    fn announce(&mut self, again: bool) {
        self.refusal.due = None;
        let by = self.name;
        let records = self.replica.unlisted(again).into_iter();
        let messages = records.map(|bytes| Action::Announce { by, again, bytes });
        self.actions.extend(messages);
    }
}
