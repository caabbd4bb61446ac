//! Invalidations that are passed on beside the log, while it takes no records.

use bytes::Bytes;

use super::{super::epoch::Target, LogReplica, UnreadableRecord, outbox::Outbox, record::Record};

/// Local invalidations without a position, and those of other processes that were adopted.
pub(super) struct Unlisted {
    /// All local ones, to be repeated for processes that come later.
    all: Outbox,
    /// Those that were not passed on yet.
    fresh: Outbox,
    /// Those of other processes.
    pub(super) adopted: Outbox,
}

// === impl LogReplica ===

impl LogReplica {
    /// Notes that the log takes no records for now, though the server passes messages on. `taken` are those
    /// that were [taken](Self::take) and have no position.
    ///
    /// From now on, local invalidations are also to be passed on to the processes that can be reached,
    /// which [adopt](Self::adopt) them.
    pub fn begin_refusal<'a>(&self, taken: impl IntoIterator<Item = &'a [u8]>) {
        let mut known = self.0.known.write();
        if known.unlisted.is_none() {
            let taken = taken.into_iter().filter_map(Record::decode);
            known.unlisted = Some(Unlisted::new(&known.outbox, taken));
        }
    }

    /// Notes that the log takes records again.
    pub fn end_refusal(&self) {
        self.0.known.write().unlisted = None;
    }

    /// Returns records to pass on beside the log: the local invalidations since the last call, or `again` all
    /// that have no position.
    #[must_use]
    pub fn unlisted(&self, again: bool) -> Vec<Bytes> {
        let mut known = self.0.known.write();
        let unlisted = known.unlisted.as_mut();
        unlisted.map_or_else(Vec::new, |unlisted| unlisted.records(again))
    }

    /// Notes that messages beside the log may have been lost: what is repeated counts as new.
    pub fn forget_adopted(&self) {
        if let Some(unlisted) = &mut self.0.known.write().unlisted {
            unlisted.forget_adopted();
        }
    }

    /// Enters invalidations of another process that the log does not take for now. They hold here at once, and
    /// wait to be appended, as if they were made here. What is repeated (`again`) and known counts for nothing.
    ///
    /// # Errors
    ///
    /// If the record is damaged, or of another version. It counts as an invalidation of everything.
    pub fn adopt(&self, record: &[u8], again: bool) -> Result<(), UnreadableRecord> {
        let read = Record::decode(record);
        let outcome = read.as_ref().map(|_| ()).ok_or(UnreadableRecord);
        let targets = read.unwrap_or_else(Record::everything).targets();
        let mut guard = self.0.known.write();
        let known = &mut *guard;
        let unlisted = known
            .unlisted
            .get_or_insert_with(|| Unlisted::new(&known.outbox, []));
        let targets: Vec<_> = targets
            .filter_map(|(target, soft)| Some((unlisted.adopt(target, soft, again)?, soft)))
            .collect();
        for (target, soft) in &targets {
            known.own.add(target.clone(), *soft);
            known.outbox.add(target, *soft);
        }
        drop(guard);
        // This comes second: see the module.
        self.enter(targets);
        outcome
    }
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
        // What is new is never told as a repetition, which counts for nothing where its target is known.
        let mut told = match again {
            true => self.all.clone(),
            false => std::mem::replace(&mut self.fresh, self.all.like()),
        };
        std::iter::from_fn(|| (!told.is_empty()).then(|| told.take().encode())).collect()
    }
}
