//! The beat of one elected node, by which the others notice that they hear nothing.

use tokio::time::Instant;

use super::{Action, Node, Replica};

/// The part of a node in the election.
#[derive(Debug)]
pub(crate) struct Beating {
    due: Instant,
    in_progress: bool,
    /// Flag that this node is the elected one.
    elected: bool,
}

// === impl Beating ===

impl Beating {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now,
            in_progress: false,
            elected: false,
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        (!self.in_progress).then_some(self.due)
    }
}

// === impl Node ===

impl<R: Replica> Node<R> {
    /// Notes a beat: there is an elected node, so this one waits.
    pub(super) fn put_off_election(&mut self, now: Instant) {
        if !self.beating.elected {
            // By chance, or all nodes would try at the same moment.
            let chance = self.timing.vacant.mul_f64(self.random.f64() / 2.0);
            self.beating.due = now + self.timing.vacant + chance;
        }
    }

    pub(super) fn beat_due(&mut self, now: Instant) {
        if self.beating.next().is_some_and(|due| now >= due) {
            self.beating.in_progress = true;
            self.actions.push(Action::Beat);
        }
    }

    /// Handles the answer to [`Action::Beat`]: whether this node is the elected one. `None` if there
    /// was none.
    pub(crate) fn beaten(&mut self, now: Instant, elected: Option<bool>) {
        self.beating.in_progress = false;
        self.beating.elected = elected == Some(true);
        match self.beating.elected {
            true => self.beating.due = now + self.timing.beat,
            false => self.put_off_election(now),
        }
    }
}
