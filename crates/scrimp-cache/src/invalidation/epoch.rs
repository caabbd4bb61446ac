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

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use scrimp_core::extensions::Since;

#[cfg(feature = "codec")]
use super::outside::Announce;
pub(crate) use super::{
    log::{InvalidationRecord, Target},
    tags::Tag,
    validity::{Carried, Validity},
};
use super::{
    log::{Log, TagList},
    sync::{AtomicU64, Ordering, RwLock},
    writes::{WriteWatch, Writes},
};

/// Maximum number of tags that the log holds individually, and of versions. Each takes about 13 MB
/// when full.
pub(super) const MAX_MARKS: usize = 1 << 18;

/// Validity of an entry according to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Epoch {
    /// Nothing that the entry carries was hit.
    Valid,
    /// The entry was hit softly, and is stale from now on.
    Stale,
    /// The entry may have been hit: invalidations of other processes may be missing. Only the
    /// upstream can confirm it.
    Doubtful,
    /// The entry was hit, and must not be used.
    Gone,
}

/// A position in the log of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(super) log: u64,
    pub(super) at: u64,
}

/// The start of an upstream call whose response may be stored.
#[derive(Debug, Clone)]
pub(crate) struct CallStart {
    pub(super) position: Position,
    /// Number of writes before it that left no mark.
    pub(super) unmarked: u64,
    pub(super) watch: WriteWatch,
    #[cfg(feature = "codec")]
    pub(super) stamp: Stamp,
}

/// A position in the log that a fleet shares: what a process had applied before a call began.
/// The default belongs to no log.
#[cfg(feature = "codec")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    /// Identifier of the log; 0 is none.
    pub(crate) log: u64,
    pub(crate) at: u64,
}

/// The log of invalidations.
pub(crate) struct Epochs {
    /// Identifier of the log. Positions of different logs, also those of other processes, are not
    /// comparable.
    id: u64,
    /// The last position assigned, and [`DOUBTFUL`]. It is written under the lock of `log`, so that a
    /// thread that sees a position finds its mark.
    pub(super) position: AtomicU64,
    pub(super) log: RwLock<Log>,
    pub(super) writes: Arc<Writes>,
    /// Number of writes that left no mark, and so took no position.
    unmarked: AtomicU64,
    max_marks: usize,
    pub(super) recorder: OnceLock<Recorder>,
    #[cfg(feature = "codec")]
    pub(super) shared: OnceLock<Box<dyn Announce>>,
}

/// Bit of a position while invalidations may be missing. No entry is checked up to it, so that a hit
/// needs no other comparison.
pub(super) const DOUBTFUL: u64 = 1 << 63;

/// Recorder that gets every invalidation before `append` returns.
#[cfg_attr(
    not(feature = "codec"),
    allow(dead_code, reason = "only a journal records")
)]
pub(crate) struct Recorder(pub(crate) Box<RecordFn>);

/// Records an invalidation, if there is one, and before it what was covered since the last time.
pub(crate) type RecordFn = dyn Fn(&Epochs, Option<InvalidationRecord>) + Send + Sync;

// === impl Position ===

impl Position {
    /// Reports whether this position directly follows another.
    pub(crate) fn follows(self, other: Self) -> bool {
        self.log == other.log && self.at == other.at + 1
    }
}

// === impl CallStart ===

impl CallStart {
    /// Returns it in the form for other layers. Writes without a mark count too: to those layers
    /// they are news.
    pub(crate) fn since(&self) -> Since {
        Since {
            log: self.position.log,
            at: self.position.at + self.unmarked,
        }
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Returns the same call, as of a later position.
    pub(crate) fn moved_to(self, position: Position) -> Self {
        Self { position, ..self }
    }
}

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
        let writes = Writes::new();
        #[cfg(feature = "codec")]
        if position > 1 {
            writes.kept().write().resume(position);
        }
        for record in records {
            match &record.target {
                #[cfg(feature = "codec")]
                Target::Written(_) if record.soft => {}
                #[cfg(feature = "codec")]
                Target::Written(tags) => {
                    let mut kept = writes.kept().write();
                    let tags = tags.iter();
                    tags.for_each(|tag| kept.restore_mark(*tag, record.position));
                }
                #[cfg(feature = "codec")]
                Target::Floors(secret, floors) => {
                    writes.kept().write().restore_floors(*secret, floors);
                }
                #[cfg(feature = "codec")]
                Target::Covers(covers) => writes.kept().write().restore_covers(covers),
                _ => {
                    log.apply(record);
                    log.keep_to(max_marks);
                }
            }
        }
        Self {
            id,
            position: AtomicU64::new(position),
            log: RwLock::from(log),
            writes: Arc::new(writes),
            unmarked: AtomicU64::new(0),
            max_marks,
            recorder: OnceLock::new(),
            #[cfg(feature = "codec")]
            shared: OnceLock::new(),
        }
    }

    /// Starts a call to a URI. Call it before the upstream call begins.
    pub(crate) fn begin(&self, uri: Tag) -> CallStart {
        CallStart {
            watch: self.writes.watch(uri),
            position: self.now(),
            unmarked: self.unmarked.load(Ordering::Acquire),
            #[cfg(feature = "codec")]
            stamp: self
                .shared
                .get()
                .map_or_else(Stamp::default, |shared| shared.stamp()),
        }
    }

    /// Returns the current position, to be read before an upstream call begins.
    pub(crate) fn now(&self) -> Position {
        Position {
            log: self.id,
            at: self.position.load(Ordering::Acquire) & !DOUBTFUL,
        }
    }

    /// Returns the current position in the form for other layers.
    pub(crate) fn since(&self) -> Since {
        Since {
            log: self.id,
            at: self.now().at + self.unmarked.load(Ordering::Acquire),
        }
    }

    /// Appends an invalidation to the log.
    pub(crate) fn append(&self, target: Target, soft: bool) {
        #[cfg(feature = "codec")]
        if let Some(shared) = self.shared.get() {
            shared.announce(&target, soft);
        }
        self.enter(target, soft);
    }

    /// Marks what a client's write may have changed: hard if it succeeded, soft if its response
    /// did not come. Returns the position of the marks. `None` if nothing in memory or elsewhere
    /// is older than the write and may depend on it.
    pub(crate) fn written(&self, tags: TagList, soft: bool) -> Option<Position> {
        #[cfg(feature = "codec")]
        if let Some(shared) = self.shared.get() {
            shared.announce(&Target::Written(tags.clone()), soft);
        }
        self.enter_write(tags, soft)
    }

    pub(super) fn enter_write(&self, tags: TagList, soft: bool) -> Option<Position> {
        // Under the lock of the log: if another write has just ended the cover of a URI, this one
        // returns only after the position that hits its responses is known.
        let concerned = {
            let _log = self.log.read();
            self.writes.concern(&tags)
        };
        let position = match concerned {
            true => self.enter(Target::Written(tags), soft),
            false => None,
        };
        if position.is_none() {
            self.unmarked.fetch_add(1, Ordering::AcqRel);
        }
        position
    }

    /// Returns the position of the invalidation. `None` if it changes nothing.
    pub(super) fn enter(&self, target: Target, soft: bool) -> Option<Position> {
        let mut log = self.log.write();
        let last = self.position.load(Ordering::Relaxed);
        let position = (last & !DOUBTFUL) + 1;
        let record = InvalidationRecord {
            position,
            soft,
            target,
        };
        let recorder = self.recorder.get().filter(|_| record.lasts());
        let copy = recorder.map(|_| record.clone());
        let changed = match &record.target {
            Target::Written(tags) => self.writes.mark(tags, position, soft),
            _ => log.apply(record),
        };
        if !changed {
            return None;
        }
        log.keep_to(self.max_marks);
        self.position
            .store(position | (last & DOUBTFUL), Ordering::Release);
        drop(log);
        if let (Some(recorder), Some(record)) = (recorder, copy) {
            (recorder.0)(self, Some(record));
        }
        Some(Position {
            log: self.id,
            at: position,
        })
    }

    /// Returns the number of tags that the log holds individually.
    #[cfg(test)]
    pub(crate) fn marks(&self) -> usize {
        self.log.read().marks()
    }

    /// Returns the number of URIs with marks of writes, or room for them.
    #[cfg(test)]
    pub(crate) fn watched(&self) -> usize {
        self.writes.len()
    }

    /// Checks whether an entry is still valid.
    pub(crate) fn check(&self, entry: &Validity) -> Epoch {
        if entry.fetched_at.log != self.id {
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
        let checked = entry.checked.load(Ordering::Relaxed);
        let log = self.log.read();
        let in_log = log.epoch(&entry.carried, entry.fetched_at.at, checked);
        drop(log);
        let epoch = match in_log {
            Epoch::Gone => Epoch::Gone,
            epoch => epoch.max(self.writes.epoch(entry)),
        };
        if now & DOUBTFUL != 0 {
            return epoch.max(Epoch::Doubtful);
        }
        if epoch == Epoch::Valid {
            // `now` was read before the log, so everything up to it has been checked.
            entry.note_checked(now);
        }
        epoch
    }
}

/// The targets may hold credentials, and are not written.
impl fmt::Debug for Epochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epochs")
            .field("position", &self.now().at)
            .finish_non_exhaustive()
    }
}
