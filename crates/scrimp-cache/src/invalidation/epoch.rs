//! Invalidation that cannot lose a race: one log, one position per entry.
//!
//! Every invalidation takes the next position of the log and leaves a mark on what it hit.
//! An entry remembers the position that stood *before its upstream call began*. It is valid
//! while nothing it carries was hit later than that. So an answer that was under way while
//! its tag was invalidated is dead on arrival, however late it comes and whatever tags it
//! turns out to have; and invalidating is one insertion, however many entries it hits.
//!
//! Entries are compared with the log when they are used. Most uses are cheap: an entry
//! notes the position up to which it was checked, and while the log has not moved on, one
//! comparison settles it.

use std::{fmt, sync::OnceLock};

use super::log::Log;
use super::sync::{AtomicU64, Ordering, RwLock};
pub(crate) use super::{
    log::{InvalidationRecord, Target},
    validity::{Carried, Position, Tag, Validity},
};

/// Tags that the log keeps apart, and versions: about 13 MB each when full.
pub(super) const MAX_MARKS: usize = 1 << 18;

/// What the log says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// Nothing it carries was hit.
    Valid,
    /// Hit softly: stale from now on.
    Stale,
    /// Hit: must not be used.
    Gone,
}

/// The log.
#[derive(Debug)]
pub(crate) struct Epochs {
    /// Tells this log from every other, also those of other processes: their positions are
    /// not comparable.
    id: u64,
    /// The last position given out. Written under the lock of `log`, so that a thread that sees a
    /// position finds its mark.
    position: AtomicU64,
    log: RwLock<Log>,
    max_marks: usize,
    recorder: OnceLock<Recorder>,
}

/// Is told of every invalidation before it has returned to its caller.
#[cfg_attr(
    not(feature = "codec"),
    allow(dead_code, reason = "only a journal records")
)]
pub(crate) struct Recorder(pub(crate) Box<RecordFn>);

pub(crate) type RecordFn = dyn Fn(&Epochs, InvalidationRecord) + Send + Sync;

// === impl Epochs ===

impl Default for Epochs {
    fn default() -> Self {
        Self::new(MAX_MARKS)
    }
}

impl Epochs {
    /// Globs the log holds one by one. Each costs every check a comparison.
    pub(crate) const MAX_GLOBS: usize = 256;

    /// A log that remembers up to `max_marks` tags one by one, and as many versions; either
    /// takes about 50 bytes.
    ///
    /// Past that it forgets the older half and lets the floor take their place: whatever is
    /// older than the newest mark it forgot counts as invalid. Versions that it forgets it
    /// still knows not to be lower than some other: an entry with a lower one than that
    /// counts as outdated, whenever it was fetched.
    pub(crate) fn new(max_marks: usize) -> Self {
        Self::resume(max_marks, fastrand::u64(..), Vec::new(), 1)
    }

    /// The log of this number, as it was left at `position` by these invalidations.
    pub(crate) fn resume(
        max_marks: usize,
        id: u64,
        records: Vec<InvalidationRecord>,
        position: u64,
    ) -> Self {
        let mut log = Log::default();
        let max_marks = max_marks.max(2);
        for record in records {
            log.apply(record);
            log.keep_to(max_marks);
        }
        Self {
            id,
            position: AtomicU64::new(position),
            log: RwLock::from(log),
            max_marks,
            recorder: OnceLock::new(),
        }
    }

    /// The present position: to be read before an upstream call begins.
    pub(crate) fn now(&self) -> Position {
        Position {
            log: self.id,
            at: self.position.load(Ordering::Acquire),
        }
    }

    /// Appends an invalidation to the log.
    pub(crate) fn append(&self, target: Target, soft: bool) {
        let recorder = self.recorder.get();
        let mut log = self.log.write();
        let position = self.position.load(Ordering::Relaxed) + 1;
        let record = InvalidationRecord {
            position,
            soft,
            target,
        };
        let copy = recorder.map(|_| record.clone());
        if !log.apply(record) {
            return;
        }
        log.keep_to(self.max_marks);
        self.position.store(position, Ordering::Release);
        drop(log);
        if let (Some(recorder), Some(record)) = (recorder, copy) {
            (recorder.0)(self, record);
        }
    }

    /// Tells `recorder` of all invalidations to come. Only the first one is told.
    #[cfg(feature = "codec")]
    pub(crate) fn record(&self, recorder: Recorder) {
        let _ = self.recorder.set(recorder);
    }

    /// Invalidations that make this log again, and where it stands.
    #[cfg(feature = "codec")]
    pub(crate) fn dump(&self) -> (Vec<InvalidationRecord>, Position) {
        let log = self.log.read();
        // Not moved on by anybody while the lock is held.
        (log.dump(), self.now())
    }

    /// How many tags the log holds one by one.
    #[cfg(test)]
    pub(crate) fn marks(&self) -> usize {
        self.log.read().marks()
    }

    /// Whether an entry still stands.
    pub(crate) fn check(&self, entry: &Validity) -> Epoch {
        if entry.log != self.id {
            return Epoch::Gone;
        }
        let now = self.position.load(Ordering::Acquire);
        if entry.checked.load(Ordering::Relaxed) >= now {
            return Epoch::Valid;
        }
        self.look_up(entry, now)
    }

    #[cold]
    fn look_up(&self, entry: &Validity, now: u64) -> Epoch {
        let epoch = self.log.read().epoch(entry);
        if epoch == Epoch::Valid {
            // `now` was read before the log: all that it covers has been looked at.
            entry.note_checked(now);
        }
        epoch
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(function)")
    }
}
