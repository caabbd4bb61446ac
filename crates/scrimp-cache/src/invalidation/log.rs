//! The record of past invalidations.

use std::{
    collections::{HashMap, VecDeque},
    hash::RandomState,
};

use smallvec::SmallVec;

#[cfg(feature = "codec")]
use super::kept::CoverRecord;
use super::{epoch::Epoch, tags::Tag, validity::Carried, versions::Versions, writes::Mark};
use crate::pattern::Pattern;

/// The marks that invalidations leave.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Marks by tag. Clients can compute the hashes, so the map has its own secret.
    marks: HashMap<Tag, Mark, RandomState>,
    versions: Versions,
    globs: VecDeque<Glob>,
    /// Position of the last mark on a tag, or of a version.
    tagged: u64,
    /// Positions before which all entries count as hit.
    floor: u64,
    soft_floor: u64,
}

#[derive(Debug)]
struct Glob {
    pattern: Pattern,
    position: u64,
    soft: bool,
}

/// Last character of a name whose query was left out when it left memory. A pattern that matches
/// any query then counts as a match.
pub(crate) const WITHHELD: char = '\0';

/// The tags of one invalidation, usually one to three.
pub(crate) type TagList = SmallVec<[Tag; 3]>;

/// Target of a recorded invalidation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Tags(TagList),
    /// A tag, for entries with a version below this one.
    Version(Tag, u64),
    Glob(Pattern),
    Everything,
    /// Entries that a client's write may have changed. Their marks are not in the [`Log`].
    Written(TagList),
    /// Entries with versions below those that a log has forgotten. Only [`Log::dump`] makes it.
    #[cfg(feature = "codec")]
    Forgotten(Box<[u64]>),
    /// The secret and the floors of the marks of writes. Only a dump has it.
    #[cfg(feature = "codec")]
    Floors(u64, Box<[u64]>),
    /// URIs whose responses outside memory are covered.
    #[cfg(feature = "codec")]
    Covers(CoverRecord),
}

/// An invalidation with its position in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidationRecord {
    pub(crate) position: u64,
    pub(crate) soft: bool,
    pub(crate) target: Target,
}

/// Reports whether a pattern matches a name, whose query may be missing.
fn hits(pattern: &Pattern, name: &str) -> bool {
    match name.strip_suffix(WITHHELD) {
        None => pattern.matches(name),
        Some(known) => pattern.may_match(known),
    }
}

// === impl Target ===

impl Target {
    /// Returns the target for one tag.
    pub(crate) fn tag(tag: Tag) -> Self {
        Self::Tags(TagList::from_iter([tag]))
    }

    /// Reports whether it hits a response that is stored now.
    pub(crate) fn hits(&self, carried: &Carried) -> bool {
        let any = |tags: &[Tag]| {
            let own = carried.tags();
            tags.iter().any(|tag| own.contains(tag))
        };
        match self {
            Self::Tags(tags) | Self::Written(tags) => any(tags),
            Self::Version(tag, version) => {
                let own = carried.versions().iter().find(|(own, _)| own == tag);
                own.map_or_else(|| any(&[*tag]), |(_, own)| own < version)
            }
            Self::Glob(pattern) => {
                let mut names = carried.names();
                names.any(|name| hits(pattern, &name))
            }
            Self::Everything => true,
            #[cfg(feature = "codec")]
            Self::Forgotten(_) | Self::Floors(..) | Self::Covers(_) => false,
        }
    }
}

// === impl InvalidationRecord ===

impl InvalidationRecord {
    /// Returns whether it holds after a restart. A write without a response does not.
    pub(super) fn lasts(&self) -> bool {
        !(self.soft && matches!(self.target, Target::Written(_)))
    }
}

// === impl Log ===

impl Log {
    /// Leaves the marks of an invalidation. Returns false if it changes nothing.
    pub(super) fn apply(&mut self, record: InvalidationRecord) -> bool {
        let InvalidationRecord {
            position,
            soft,
            target,
        } = record;
        match target {
            Target::Tags(tags) if tags.is_empty() => return false,
            Target::Tags(tags) => {
                self.tagged = self.tagged.max(position);
                for tag in tags {
                    self.marks.entry(tag).or_default().set(position, soft);
                }
            }
            Target::Version(tag, version) => {
                self.tagged = self.tagged.max(position);
                return self.versions.raise(tag, version, position);
            }
            Target::Glob(pattern) => self.push_glob(Glob {
                pattern,
                position,
                soft,
            }),
            Target::Everything if soft => self.soft_floor = position,
            Target::Everything => self.forget(position),
            #[cfg(feature = "codec")]
            Target::Forgotten(versions) => {
                self.tagged = self.tagged.max(position);
                self.versions.restore_forgotten(versions);
            }
            Target::Written(_) => return false,
            #[cfg(feature = "codec")]
            Target::Floors(..) | Target::Covers(_) => return false,
        }
        true
    }

    /// Returns the number of tags held individually.
    #[cfg(test)]
    pub(super) fn marks(&self) -> usize {
        self.marks.len().max(self.versions.len())
    }

    /// Keeps at most `max` tags, and as many versions.
    pub(super) fn keep_to(&mut self, max: usize) {
        if self.marks.len() > max {
            self.forget_older_half();
        }
        if self.versions.len() > max {
            self.floor = self.floor.max(self.versions.forget_older_half(max));
        }
    }

    /// Checks what an entry carries that was fetched at a position. Up to `checked`, it is known that
    /// no tag of it was hit.
    pub(super) fn epoch(&self, carried: &Carried, fetched_at: u64, checked: u64) -> Epoch {
        if fetched_at < self.floor {
            return Epoch::Gone;
        }
        let tags = match self.tagged > checked {
            true => self.epoch_of_tags(carried, fetched_at),
            false => Epoch::Valid,
        };
        if tags == Epoch::Gone {
            return Epoch::Gone;
        }
        let mut stale = tags == Epoch::Stale || fetched_at < self.soft_floor;
        for glob in self.globs.iter().filter(|glob| glob.position > fetched_at) {
            if carried.names().any(|name| hits(&glob.pattern, &name)) {
                if !glob.soft {
                    return Epoch::Gone;
                }
                stale = true;
            }
        }
        if stale { Epoch::Stale } else { Epoch::Valid }
    }

    fn epoch_of_tags(&self, carried: &Carried, fetched_at: u64) -> Epoch {
        let mut epoch = Epoch::Valid;
        for tag in carried.tags() {
            let mut versions = carried.versions().iter();
            let version = versions.find(|(versioned, _)| *versioned == tag);
            let version = version.map(|(_, version)| *version);
            if self.versions.outdate(tag, version, fetched_at) {
                return Epoch::Gone;
            }
            let Some(mark) = self.marks.get(&tag) else {
                continue;
            };
            if mark.hard > fetched_at {
                return Epoch::Gone;
            }
            if mark.soft > fetched_at {
                epoch = Epoch::Stale;
            }
        }
        epoch
    }

    fn push_glob(&mut self, glob: Glob) {
        // The same pattern makes an older one redundant.
        self.globs
            .retain(|old| old.pattern != glob.pattern || old.soft != glob.soft);
        self.globs.push_back(glob);
        if self.globs.len() > super::epoch::Epochs::MAX_GLOBS
            && let Some(oldest) = self.globs.pop_front()
        {
            self.floor = self.floor.max(oldest.position);
        }
    }

    fn forget(&mut self, position: u64) {
        // Versions stay: an outdated replica may answer at any time.
        self.marks.clear();
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

    /// Returns invalidations that reproduce these marks.
    #[cfg(feature = "codec")]
    pub(super) fn dump(&self) -> Vec<InvalidationRecord> {
        let mut records = Vec::with_capacity(self.marks.len() + self.globs.len() + 2);
        let mut add = |position, soft, target| {
            if position > 0 {
                records.push(InvalidationRecord {
                    position,
                    soft,
                    target,
                });
            }
        };
        add(self.floor, false, Target::Everything);
        add(self.soft_floor, true, Target::Everything);
        for (&tag, mark) in &self.marks {
            add(mark.hard, false, Target::tag(tag));
            add(mark.soft, true, Target::tag(tag));
        }
        for (tag, raised) in self.versions.iter() {
            add(raised.at, false, Target::Version(tag, raised.version));
        }
        if !self.versions.forgotten().is_empty() {
            add(
                1,
                false,
                Target::Forgotten(self.versions.forgotten().into()),
            );
        }
        for glob in &self.globs {
            add(glob.position, glob.soft, Target::Glob(glob.pattern.clone()));
        }
        records
    }
}
