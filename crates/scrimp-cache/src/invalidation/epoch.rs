//! Invalidation without races: one log, one position per entry.
//!
//! Every invalidation takes the next position of the log and leaves a mark on what it hit. An
//! entry remembers the position that stood *before its upstream call began*. It is valid while
//! nothing it carries was hit later than that. So a response whose tag was invalidated during its
//! call is invalid on arrival, however late it comes and whatever tags it has. An invalidation is
//! one insertion, however many entries it hits.
//!
//! Entries are compared with the log when they are used. Most uses are cheap: an entry remembers
//! the position up to which it was checked, and one comparison is enough while the log has not
//! moved on.

use std::{fmt, sync::OnceLock};

use super::log::Log;
use super::sync::{AtomicU64, Ordering, RwLock};
pub(crate) use super::{
    log::{InvalidationRecord, Target},
    validity::{Carried, Position, Tag, Validity},
};

/// Maximum number of tags that the log holds individually, and of versions. Each takes about 13 MB
/// when full.
pub(super) const MAX_MARKS: usize = 1 << 18;

/// Validity of an entry according to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// Nothing that the entry carries was hit.
    Valid,
    /// The entry was hit softly, and is stale from now on.
    Stale,
    /// The entry was hit, and must not be used.
    Gone,
}

/// The log of invalidations.
#[derive(Debug)]
pub(crate) struct Epochs {
    /// Identifier of the log. Positions of different logs, also those of other processes, are not
    /// comparable.
    id: u64,
    /// The last position assigned. It is written under the lock of `log`, so that a thread that
    /// sees a position finds its mark.
    position: AtomicU64,
    log: RwLock<Log>,
    max_marks: usize,
    recorder: OnceLock<Recorder>,
}

/// Recorder that gets every invalidation before `append` returns.
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
    /// Maximum number of globs that the log holds individually. Each costs every check a
    /// comparison.
    pub(crate) const MAX_GLOBS: usize = 256;

    /// Returns a log that holds up to `max_marks` tags individually, and as many versions. Either
    /// takes about 50 bytes.
    ///
    /// Above that it forgets the older half and raises the floor instead: everything older than
    /// the newest forgotten mark is invalid. For a forgotten version it keeps a bound that is
    /// never too low: an entry with a version below it is outdated, whenever it was fetched.
    pub(crate) fn new(max_marks: usize) -> Self {
        Self::resume(max_marks, fastrand::u64(..), Vec::new(), 1)
    }

    /// Returns the log with this number, as these invalidations left it at `position`.
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

    /// Returns the current position, to be read before an upstream call begins.
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

    /// Sends all later invalidations to `recorder`. Only the first recorder is used.
    #[cfg(feature = "codec")]
    pub(crate) fn record(&self, recorder: Recorder) {
        let _ = self.recorder.set(recorder);
    }

    /// Returns invalidations that reproduce this log, and its position.
    #[cfg(feature = "codec")]
    pub(crate) fn dump(&self) -> (Vec<InvalidationRecord>, Position) {
        let log = self.log.read();
        // The position does not move while the lock is held.
        (log.dump(), self.now())
    }

    /// Returns the number of tags that the log holds individually.
    #[cfg(test)]
    pub(crate) fn marks(&self) -> usize {
        self.log.read().marks()
    }

    /// Checks whether an entry is still valid.
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
            // `now` was read before the log, so everything up to it has been checked.
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
