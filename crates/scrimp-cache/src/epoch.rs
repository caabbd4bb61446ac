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

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::RwLock;
use scrimp_core::KeyHashBuilder;

/// A place in the log of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(u64);

/// The keyed hash of something that can be invalidated. If two things ever share one,
/// invalidating either also drops the other: a call more, never a stale answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tag(pub(crate) u64);

/// What the log says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
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
    /// The last position given out. Written under the lock of `marks`, so that a reader
    /// who sees a position finds its mark.
    position: AtomicU64,
    /// Entries from before this position count as hit.
    floor: AtomicU64,
    marks: RwLock<HashMap<Tag, Mark, KeyHashBuilder>>,
    max_marks: usize,
}

/// When a tag was last hit: 0 is never.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    hard: u64,
    soft: u64,
}

/// What one entry knows of the log.
#[derive(Debug)]
pub(crate) struct Birth {
    born: u64,
    tags: Box<[Tag]>,
    /// Up to here the entry is known to be valid.
    checked: AtomicU64,
}

// === impl Epochs ===

impl Epochs {
    /// A log that remembers up to `max_marks` tags one by one, about 40 bytes each.
    ///
    /// Past that it forgets the older half and lets the floor take their place: whatever is
    /// older than the newest mark it forgot counts as invalid.
    pub(crate) fn new(max_marks: usize) -> Self {
        Self {
            position: AtomicU64::new(1),
            floor: AtomicU64::new(0),
            marks: RwLock::new(HashMap::default()),
            max_marks: max_marks.max(2),
        }
    }

    /// The present position: to be read before an upstream call begins.
    pub(crate) fn now(&self) -> Position {
        Position(self.position.load(Ordering::Acquire))
    }

    /// Hits all that carry one of `tags`.
    pub(crate) fn invalidate(&self, tags: &[Tag], soft: bool) {
        if tags.is_empty() {
            return;
        }
        let mut marks = self.marks.write();
        let position = self.position.load(Ordering::Relaxed) + 1;
        for tag in tags {
            let mark = marks.entry(*tag).or_default();
            if soft {
                mark.soft = position;
            } else {
                mark.hard = position;
            }
        }
        if marks.len() > self.max_marks {
            self.forget_older_half(&mut marks);
        }
        self.position.store(position, Ordering::Release);
    }

    /// Hits everything.
    pub(crate) fn invalidate_all(&self) {
        let mut marks = self.marks.write();
        let position = self.position.load(Ordering::Relaxed) + 1;
        marks.clear();
        self.floor.store(position, Ordering::Release);
        self.position.store(position, Ordering::Release);
    }

    fn forget_older_half(&self, marks: &mut HashMap<Tag, Mark, KeyHashBuilder>) {
        let mut ages: Vec<u64> = marks.values().map(|mark| mark.last()).collect();
        let middle = ages.len() / 2;
        let (_, newest_forgotten, _) = ages.select_nth_unstable(middle);
        let newest_forgotten = *newest_forgotten;
        marks.retain(|_, mark| mark.last() > newest_forgotten);
        self.floor.fetch_max(newest_forgotten, Ordering::AcqRel);
    }

    /// Whether an entry still stands.
    pub(crate) fn standing(&self, entry: &Birth) -> Standing {
        let now = self.position.load(Ordering::Acquire);
        if entry.checked.load(Ordering::Relaxed) >= now {
            return Standing::Valid;
        }
        self.look_up(entry, now)
    }

    #[cold]
    fn look_up(&self, entry: &Birth, now: u64) -> Standing {
        let marks = self.marks.read();
        if entry.born < self.floor.load(Ordering::Acquire) {
            return Standing::Gone;
        }
        let mut standing = Standing::Valid;
        for mark in entry.tags.iter().filter_map(|tag| marks.get(tag)) {
            if mark.hard > entry.born {
                return Standing::Gone;
            }
            if mark.soft > entry.born {
                standing = Standing::Stale;
            }
        }
        if standing == Standing::Valid {
            // `now` was read before the marks: all that it covers has been looked at.
            entry.checked.fetch_max(now, Ordering::Relaxed);
        }
        standing
    }
}

// === impl Mark ===

impl Mark {
    fn last(self) -> u64 {
        self.hard.max(self.soft)
    }
}

// === impl Birth ===

impl Birth {
    /// An entry whose upstream call began at `born`, carrying `tags`.
    pub(crate) fn new(born: Position, tags: impl Into<Box<[Tag]>>) -> Self {
        Self {
            born: born.0,
            tags: tags.into(),
            checked: AtomicU64::new(born.0),
        }
    }

    pub(crate) fn heap_size(&self) -> usize {
        size_of_val(&*self.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_under_way_when_its_tag_is_hit_is_dead_on_arrival() {
        let epochs = Epochs::new(10);
        let before = epochs.now();
        epochs.invalidate(&[Tag(7)], false);
        let late = Birth::new(before, [Tag(1), Tag(7)]);
        assert_eq!(epochs.standing(&late), Standing::Gone);
        let other = Birth::new(before, [Tag(1)]);
        assert_eq!(epochs.standing(&other), Standing::Valid);
        let after = Birth::new(epochs.now(), [Tag(7)]);
        assert_eq!(epochs.standing(&after), Standing::Valid);
    }

    #[test]
    fn a_soft_hit_makes_stale_and_a_hard_one_outweighs_it() {
        let epochs = Epochs::new(10);
        let entry = Birth::new(epochs.now(), [Tag(1)]);
        epochs.invalidate(&[Tag(1)], true);
        assert_eq!(epochs.standing(&entry), Standing::Stale);
        assert_eq!(epochs.standing(&entry), Standing::Stale);
        epochs.invalidate(&[Tag(1)], false);
        assert_eq!(epochs.standing(&entry), Standing::Gone);
    }

    #[test]
    fn everything_can_go_at_once() {
        let epochs = Epochs::new(10);
        let entry = Birth::new(epochs.now(), []);
        epochs.invalidate_all();
        assert_eq!(epochs.standing(&entry), Standing::Gone);
        assert_eq!(
            epochs.standing(&Birth::new(epochs.now(), [])),
            Standing::Valid
        );
    }

    proptest! {
        /// Against a log that never forgets: what is gone there is gone here.
        #[test]
        fn forgetting_marks_never_revives_an_entry(
            max_marks in 2usize..6,
            steps in prop::collection::vec((0u64..12, any::<bool>()), 1..60),
        ) {
            let (epochs, whole) = (Epochs::new(max_marks), Epochs::new(usize::MAX));
            let mut entries = Vec::new();
            for (tag, invalidate) in steps {
                if invalidate {
                    epochs.invalidate(&[Tag(tag)], false);
                    whole.invalidate(&[Tag(tag)], false);
                } else {
                    let birth = |log: &Epochs| Birth::new(log.now(), [Tag(tag)]);
                    entries.push((birth(&epochs), birth(&whole)));
                }
                prop_assert!(epochs.marks.read().len() <= max_marks);
                for (entry, reference) in &entries {
                    if whole.standing(reference) == Standing::Gone {
                        prop_assert_eq!(epochs.standing(entry), Standing::Gone);
                    }
                }
            }
        }
    }
}
