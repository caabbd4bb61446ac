//! Invalidations that are passed on beside the log, while it takes no records.

use bytes::Bytes;

use super::{super::epoch::Target, outbox::Outbox, record::Record};

/// Local invalidations without a position, and those of other processes that were adopted.
pub(super) struct Unlisted {
    /// All local ones, to be repeated for processes that come later.
    all: Outbox,
    /// Those that were not passed on yet.
    fresh: Outbox,
    /// Those of other processes.
    pub(super) adopted: Outbox,
}

// === impl Unlisted ===

impl Unlisted {
    /// Begins with what waits, and with records that were taken and have no position.
    pub(super) fn new(waiting: &Outbox, taken: impl IntoIterator<Item = Record>) -> Self {
        let mut all = waiting.clone();
        for (target, soft) in taken.into_iter().flat_map(Record::targets) {
            all.add(&target, soft);
        }
        Self {
            fresh: all.clone(),
            adopted: waiting.like(),
            all,
        }
    }

    /// Adds a local one.
    pub(super) fn add(&mut self, target: &Target, soft: bool) {
        self.all.add(target, soft);
        self.fresh.add(target, soft);
    }

    /// Notes one of another process. Returns the part that has to be entered here.
    pub(super) fn adopt(&mut self, target: Target, soft: bool, again: bool) -> Option<Target> {
        let target = match again {
            true => self.adopted.missing(target, soft)?,
            false => target,
        };
        self.adopted.add(&target, soft);
        Some(target)
    }

    pub(super) fn forget_adopted(&mut self) {
        self.adopted = self.adopted.like();
    }

    /// Returns what was not passed on yet, or all, as records.
    pub(super) fn records(&mut self, again: bool) -> Vec<Bytes> {
        if again {
            self.fresh = self.all.clone();
        }
        let fresh = &mut self.fresh;
        std::iter::from_fn(|| (!fresh.is_empty()).then(|| fresh.take().encode())).collect()
    }
}
