//! Local invalidations that have no position in the shared log yet.

use super::{
    super::epoch::{Carried, Epoch, Target},
    marks::Marks,
};

/// Local invalidations that have no position in the shared log yet.
#[derive(Default)]
pub(super) struct Own {
    /// Their marks, by numbers that only this process knows.
    marks: Marks,
    /// Numbers of the last one, of the last one taken, and of the last one with a position.
    pub(super) last: u64,
    pub(super) taken: u64,
    placed: u64,
}

// === impl Own ===

impl Own {
    pub(super) fn add(&mut self, target: Target, soft: bool) {
        self.last += 1;
        self.marks.apply(self.last, target, soft);
    }

    /// Notes that all up to this number have positions in the shared log.
    pub(super) fn place(&mut self, through: u64) {
        self.placed = self.placed.max(through);
        if self.is_settled() {
            self.marks = Marks::default();
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.placed >= self.last
    }

    /// Checks what a response carries that another process has stored at any time.
    pub(super) fn epoch(&self, carried: &Carried) -> Epoch {
        match self.is_settled() {
            true => Epoch::Valid,
            false => self.marks.epoch(carried, self.placed),
        }
    }
}
