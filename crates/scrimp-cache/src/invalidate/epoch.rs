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

use std::collections::{HashMap, VecDeque};

use scrimp_core::KeyHashBuilder;
use smallvec::SmallVec;

use crate::{
    pattern::Pattern,
    sync::{AtomicU64, Ordering, RwLock},
};

/// A place in the log of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    log: u64,
    at: u64,
}

/// The keyed hash of something that can be invalidated. If two things ever share one,
/// invalidating either also drops the other: a call more, never a stale answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tag(pub(crate) u64);

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

/// How many logs there have been. Not one of the model checker's atomics: it orders nothing.
static LOGS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// The log.
#[derive(Debug)]
pub(crate) struct Epochs {
    /// Tells this log from every other in the process: their positions are not comparable.
    id: u64,
    /// The last position given out. Written under the lock of `log`, so that whoever sees a
    /// position finds its mark.
    position: AtomicU64,
    log: RwLock<Log>,
    max_marks: usize,
}

#[derive(Debug, Default)]
struct Log {
    marks: HashMap<Tag, Mark, KeyHashBuilder>,
    globs: VecDeque<Glob>,
    /// Entries from before these positions count as hit.
    floor: u64,
    soft_floor: u64,
}

/// When a tag was last hit: 0 is never.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    hard: u64,
    soft: u64,
    /// When `version` was last raised: what carries no version is from before it or after.
    raised: u64,
    /// What carries a version below this one is outdated, whenever it was fetched.
    version: u64,
}

#[derive(Debug)]
struct Glob {
    pattern: Pattern,
    position: u64,
    soft: bool,
}

/// Tags hit at once, of which there are mostly one to three.
pub(crate) type TagList = SmallVec<[Tag; 3]>;

/// What an invalidation hits.
#[derive(Debug)]
pub(crate) enum Hit {
    Tags(TagList),
    /// A tag, for entries with a version below this one.
    Version(Tag, u64),
    Glob(Pattern),
    Everything,
}

/// What one entry knows of the log.
#[derive(Debug)]
pub(crate) struct Birth {
    log: u64,
    born: u64,
    carried: Carried,
    /// Up to here the entry is known to be valid.
    checked: AtomicU64,
}

/// What an entry can be hit by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) tags: Box<[Tag]>,
    pub(crate) versions: Box<[(Tag, u64)]>,
    /// What globs are matched with, one name a line.
    pub(crate) names: Box<str>,
}

// === impl Hit ===

impl Hit {
    /// One tag.
    pub(crate) fn tag(tag: Tag) -> Self {
        Self::Tags(TagList::from_iter([tag]))
    }
}

// === impl Position ===

impl Position {
    /// Whether this position came right after another.
    pub(crate) fn follows(self, other: Self) -> bool {
        self.log == other.log && self.at == other.at + 1
    }
}

// === impl Epochs ===

impl Epochs {
    /// Globs the log holds one by one. Each costs every check a comparison.
    pub(crate) const MAX_GLOBS: usize = 256;

    /// A log that remembers up to `max_marks` tags one by one, about 60 bytes each.
    ///
    /// Past that it forgets the older half and lets the floor take their place: whatever is
    /// older than the newest mark it forgot counts as invalid.
    pub(crate) fn new(max_marks: usize) -> Self {
        Self {
            id: LOGS.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            position: AtomicU64::new(1),
            log: RwLock::default(),
            max_marks: max_marks.max(2),
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
    pub(crate) fn append(&self, hit: Hit, soft: bool) {
        let mut log = self.log.write();
        let position = self.position.load(Ordering::Relaxed) + 1;
        match hit {
            Hit::Tags(tags) if tags.is_empty() => return,
            Hit::Tags(tags) => {
                for tag in tags {
                    let mark = log.marks.entry(tag).or_default();
                    *(if soft { &mut mark.soft } else { &mut mark.hard }) = position;
                }
            }
            Hit::Version(tag, version) => {
                let mark = log.marks.entry(tag).or_default();
                if version <= mark.version {
                    return;
                }
                mark.version = version;
                mark.raised = position;
            }
            Hit::Glob(pattern) => log.push_glob(Glob {
                pattern,
                position,
                soft,
            }),
            Hit::Everything if soft => log.soft_floor = position,
            Hit::Everything => log.forget(position),
        }
        if log.marks.len() > self.max_marks {
            log.forget_older_half();
        }
        self.position.store(position, Ordering::Release);
    }

    /// How many tags the log holds one by one.
    #[cfg(test)]
    pub(crate) fn marks(&self) -> usize {
        self.log.read().marks.len()
    }

    /// Whether an entry still stands.
    pub(crate) fn check(&self, entry: &Birth) -> Epoch {
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
    fn look_up(&self, entry: &Birth, now: u64) -> Epoch {
        let epoch = self.log.read().epoch(entry);
        if epoch == Epoch::Valid {
            // `now` was read before the log: all that it covers has been looked at.
            entry.checked.fetch_max(now, Ordering::Relaxed);
        }
        epoch
    }
}

// === impl Log ===

impl Log {
    fn epoch(&self, entry: &Birth) -> Epoch {
        let born = entry.born;
        let carried = &entry.carried;
        if born < self.floor {
            return Epoch::Gone;
        }
        let mut stale = born < self.soft_floor;
        for tag in &carried.tags {
            let Some(mark) = self.marks.get(tag) else {
                continue;
            };
            let version = carried
                .versions
                .iter()
                .find(|(versioned, _)| versioned == tag);
            let outdated = match version {
                Some((_, version)) => *version < mark.version,
                None => mark.raised > born,
            };
            if outdated || mark.hard > born {
                return Epoch::Gone;
            }
            stale |= mark.soft > born;
        }
        for glob in self.globs.iter().filter(|glob| glob.position > born) {
            if carried.names.lines().any(|name| glob.pattern.matches(name)) {
                if !glob.soft {
                    return Epoch::Gone;
                }
                stale = true;
            }
        }
        if stale { Epoch::Stale } else { Epoch::Valid }
    }

    fn push_glob(&mut self, glob: Glob) {
        // The same pattern again makes the older one needless.
        self.globs
            .retain(|old| old.pattern != glob.pattern || old.soft != glob.soft);
        self.globs.push_back(glob);
        if self.globs.len() > Epochs::MAX_GLOBS
            && let Some(oldest) = self.globs.pop_front()
        {
            self.floor = self.floor.max(oldest.position);
        }
    }

    fn forget(&mut self, position: u64) {
        // Versions outlast it: an outdated replica may answer at any time.
        self.marks.retain(|_, mark| mark.version > 0);
        self.globs.clear();
        self.floor = position;
    }

    fn forget_older_half(&mut self) {
        let mut ages: Vec<u64> = self.marks.values().map(|mark| mark.last()).collect();
        let middle = ages.len() / 2;
        let newest_forgotten = *ages.select_nth_unstable(middle).1;
        self.marks.retain(|_, mark| mark.last() > newest_forgotten);
        self.floor = self.floor.max(newest_forgotten);
    }
}

// === impl Mark ===

impl Mark {
    fn last(self) -> u64 {
        self.hard.max(self.soft).max(self.raised)
    }
}

// === impl Carried ===

impl Carried {
    /// Adds what another response carried. Where both have a version of something, this
    /// one's own counts.
    pub(crate) fn add_all(&mut self, other: &Self) {
        let mut tags = std::mem::take(&mut self.tags).into_vec();
        tags.extend(&other.tags);
        tags.sort_unstable_by_key(|tag| tag.0);
        tags.dedup();
        self.tags = tags.into();
        let mut versions = std::mem::take(&mut self.versions).into_vec();
        for &(tag, version) in &other.versions {
            if !versions.iter().any(|(own, _)| *own == tag) {
                versions.push((tag, version));
            }
        }
        self.versions = versions.into();
        if self.names != other.names {
            let own: Vec<&str> = self.names.lines().collect();
            let more = other.names.lines().filter(|name| !own.contains(name));
            self.names = own
                .iter()
                .copied()
                .chain(more)
                .collect::<Vec<_>>()
                .join("\n")
                .into();
        }
    }
}

// === impl Birth ===

impl Birth {
    /// An entry whose upstream call began at `born`.
    pub(crate) fn new(born: Position, carried: Carried) -> Self {
        // What carries a version may be outdated at birth, so it is looked up once.
        let checked = if carried.versions.is_empty() {
            born.at
        } else {
            0
        };
        Self {
            log: born.log,
            born: born.at,
            carried,
            checked: AtomicU64::new(checked),
        }
    }

    /// What it can be hit by.
    pub(crate) fn carried(&self) -> &Carried {
        &self.carried
    }

    pub(crate) fn heap_size(&self) -> usize {
        size_of_val(&*self.carried.tags)
            + size_of_val(&*self.carried.versions)
            + self.carried.names.len()
    }
}
