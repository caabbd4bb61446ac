//! Messages of the log of invalidations to a journal and a fleet, and from a fleet.

use std::sync::Arc;

use super::{
    epoch::{DOUBTFUL, Epochs, Position, Recorder, Stamp},
    log::{InvalidationRecord, Target},
    sync::Ordering,
    validity::Carried,
};

/// The log that a fleet shares, as a local log needs it.
pub(crate) trait Announce: Send + Sync {
    /// Takes a local invalidation, before it is entered.
    fn announce(&self, target: &Target, soft: bool);

    /// Returns the position in the shared log, to be read before an upstream call begins.
    fn stamp(&self) -> Stamp;
}

// === impl Epochs ===

impl Epochs {
    /// Sends all later local invalidations to a log that a fleet shares. Only the first one is used.
    pub(crate) fn share(&self, shared: Box<dyn Announce>) {
        let _ = self.shared.set(shared);
    }

    /// Enters an invalidation of another process.
    pub(crate) fn follow(&self, target: Target, soft: bool) {
        match target {
            Target::Written(tags) => _ = self.enter_write(tags, soft),
            target => _ = self.enter(target, soft),
        }
    }

    /// Sets whether invalidations of other processes may be missing.
    pub(crate) fn set_doubtful(&self, doubtful: bool) {
        let _log = self.log.write();
        let position = self.now().at;
        let bit = if doubtful { DOUBTFUL } else { 0 };
        self.position.store(position | bit, Ordering::Release);
    }

    /// Watches for writes to the URIs of an entry that comes from another process. Call it before
    /// its position is read.
    pub(crate) fn watch(&self, carried: &mut Carried) {
        let uris = carried.tags().into_iter().filter(|tag| tag.is_uri());
        let watches: Vec<_> = uris.map(|tag| self.writes.watch(tag)).collect();
        watches.iter().for_each(|watch| carried.watch(watch));
    }

    /// Sends all later invalidations to `recorder`, and what is covered. Only the first recorder is
    /// used.
    pub(crate) fn record(self: &Arc<Self>, recorder: Recorder) {
        let _ = self.recorder.set(recorder);
        let own = Arc::downgrade(self);
        self.writes.on_cover(Box::new(move || {
            if let Some(own) = own.upgrade()
                && let Some(recorder) = own.recorder.get()
            {
                (recorder.0)(&own, None);
            }
        }));
    }

    /// Takes the record of what was covered since the last time. The lock of the log keeps it in
    /// the order of the writes.
    pub(crate) fn take_covers(&self) -> Option<InvalidationRecord> {
        let _log = self.log.read();
        let covers = self.writes.kept().write().take_fresh()?;
        Some(InvalidationRecord {
            position: self.now().at,
            soft: false,
            target: Target::Covers(covers),
        })
    }

    /// Returns invalidations that reproduce this log, and its position.
    pub(crate) fn dump(&self) -> (Vec<InvalidationRecord>, Position) {
        let log = self.log.read();
        let mut records = log.dump();
        records.extend(self.writes.dump());
        records.sort_by_key(|record| record.position);
        // The position does not move while the lock is held.
        (records, self.now())
    }
}
