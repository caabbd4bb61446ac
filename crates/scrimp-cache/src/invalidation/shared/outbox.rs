//! Local invalidations that wait to be appended to the shared log.

use std::{
    collections::{HashMap, HashSet},
    hash::RandomState,
};

use super::record::{Part, Record};
use crate::{
    invalidation::{
        TagList,
        epoch::{Epochs, Tag, Target},
    },
    pattern::Pattern,
};

/// Maximum number of tags that wait, and of versions. A tag takes about 20 bytes.
const MAX_WAITING: usize = 1 << 16;

/// Maximum number of tags of one record, and of versions.
const MAX_RECORD: usize = 1 << 12;

/// Local invalidations that wait: each target once, as their order does not count. What does not
/// fit is replaced by one invalidation of everything. Versions stay beside it, unless they alone
/// are too many.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    hard: Waiting,
    soft: Waiting,
    versions: HashMap<Tag, u64, RandomState>,
    max_waiting: usize,
}

#[derive(Debug, Clone, Default)]
struct Waiting {
    everything: bool,
    tags: HashSet<Tag, RandomState>,
    written: HashSet<Tag, RandomState>,
    globs: Vec<Pattern>,
}

// === impl Outbox ===

impl Default for Outbox {
    fn default() -> Self {
        Self::new(MAX_WAITING)
    }
}

impl Outbox {
    pub(super) fn new(max_waiting: usize) -> Self {
        Self {
            hard: Waiting::default(),
            soft: Waiting::default(),
            versions: HashMap::default(),
            max_waiting,
        }
    }

    pub(super) fn add(&mut self, target: &Target, soft: bool) {
        let waiting = match soft {
            true => &mut self.soft,
            false => &mut self.hard,
        };
        match target {
            Target::Tags(tags) => waiting.tags.extend(tags),
            Target::Written(tags) => waiting.written.extend(tags),
            Target::Version(tag, version) => {
                let highest = self.versions.entry(*tag).or_default();
                *highest = version.max(highest).to_owned();
            }
            Target::Glob(pattern) => {
                if !waiting.globs.contains(pattern) {
                    waiting.globs.push(pattern.clone());
                }
            }
            Target::Everything => *waiting = Waiting::everything(),
            Target::Forgotten(_) | Target::Floors(..) | Target::Covers(_) => {}
        }
        let max = self.max_waiting;
        let full = [&self.hard, &self.soft]
            .iter()
            .any(|part| part.is_above(max));
        let too_many_versions = self.versions.len() > max;
        if full || too_many_versions {
            // An invalidation of everything does not outdate what is fetched later, as a version does.
            let versions = match too_many_versions {
                true => HashMap::default(),
                false => std::mem::take(&mut self.versions),
            };
            *self = Self {
                versions,
                ..Self::new(max)
            };
            self.hard.everything = true;
        }
    }

    /// Returns an empty one with the same limits.
    pub(super) fn like(&self) -> Self {
        Self::new(self.max_waiting)
    }

    /// Returns the number of tags that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let parts = [&self.hard, &self.soft];
        parts
            .map(|part| part.tags.len() + part.written.len())
            .iter()
            .sum()
    }

    /// Returns the part of a target that does not wait yet. `None` if all of it does.
    pub(super) fn missing(&self, target: Target, soft: bool) -> Option<Target> {
        let waiting = match soft {
            true => &self.soft,
            false => &self.hard,
        };
        let without = |tags: TagList, known: &HashSet<Tag, RandomState>| {
            let missing: TagList = tags
                .into_iter()
                .filter(|tag| !known.contains(tag))
                .collect();
            (!missing.is_empty()).then_some(missing)
        };
        match target {
            Target::Tags(tags) => without(tags, &waiting.tags).map(Target::Tags),
            Target::Written(tags) => without(tags, &waiting.written).map(Target::Written),
            Target::Version(tag, version) if self.versions.get(&tag) >= Some(&version) => None,
            Target::Glob(pattern) if waiting.globs.contains(&pattern) => None,
            Target::Everything if waiting.everything => None,
            other => Some(other),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.hard.is_empty() && self.soft.is_empty()
    }

    /// Takes what fits into one record.
    pub(super) fn take(&mut self) -> Record {
        Record {
            hard: self.hard.take(),
            soft: self.soft.take(),
            versions: {
                let some: Vec<_> = self.versions.keys().take(MAX_RECORD).copied().collect();
                let versions = some
                    .iter()
                    .filter_map(|tag| self.versions.remove_entry(tag));
                versions.map(|(tag, version)| (tag.0, version)).collect()
            },
        }
    }
}

// === impl Waiting ===

impl Waiting {
    fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    fn is_above(&self, max: usize) -> bool {
        self.tags.len() + self.written.len() > max || self.globs.len() > Epochs::MAX_GLOBS
    }

    fn is_empty(&self) -> bool {
        !self.everything && self.tags.is_empty() && self.written.is_empty() && self.globs.is_empty()
    }

    fn take(&mut self) -> Part {
        let globs = std::mem::take(&mut self.globs);
        Part {
            everything: std::mem::take(&mut self.everything),
            tags: take_some(&mut self.tags),
            written: take_some(&mut self.written),
            globs: globs.iter().map(Into::into).collect(),
        }
    }
}

fn take_some(tags: &mut HashSet<Tag, RandomState>) -> Vec<u64> {
    if tags.len() <= MAX_RECORD {
        return std::mem::take(tags).iter().map(|tag| tag.0).collect();
    }
    let some: Vec<_> = tags.iter().take(MAX_RECORD).copied().collect();
    some.iter().for_each(|tag| _ = tags.remove(tag));
    some.iter().map(|tag| tag.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox) -> Vec<Record> {
        let mut records = Vec::new();
        while !outbox.is_empty() {
            let bytes = outbox.take().encode();
            records.push(Record::decode(&bytes).expect("what was encoded is read"));
        }
        records
    }

    #[test]
    fn equal_targets_wait_once_and_long_queues_go_out_in_several_records() {
        let mut outbox = Outbox::default();
        for n in (0..10_000).chain(0..10_000) {
            outbox.add(&Target::tag(Tag(n)), false);
            outbox.add(&Target::Version(Tag(n), n % 3), false);
        }
        let records = drain(&mut outbox);
        assert_eq!(records.len(), 3);
        let tags: usize = records.iter().map(|record| record.hard.tags.len()).sum();
        let versions: usize = records.iter().map(|record| record.versions.len()).sum();
        assert_eq!((tags, versions), (10_000, 10_000));
    }

    #[test]
    fn a_hundred_times_more_than_fits_becomes_one_invalidation_of_everything() {
        let room = 1_000;
        let mut outbox = Outbox::new(room);
        for n in 0..100 * room as u64 {
            outbox.add(&Target::Written([Tag(n)].into_iter().collect()), n % 2 == 0);
            let waiting = [&outbox.hard, &outbox.soft];
            let held = waiting.map(|part| part.written.len()).iter().sum::<usize>();
            assert!(held <= 2 * room);
        }
        assert!(drain(&mut outbox)[0].hard.everything);
        for n in 0..100 * Epochs::MAX_GLOBS {
            outbox.add(&Target::Glob(Pattern::name(&format!("{n}:*"))), true);
            assert!(outbox.soft.globs.len() <= Epochs::MAX_GLOBS);
        }
        assert!(drain(&mut outbox)[0].hard.everything);
    }

    #[test]
    fn versions_wait_on_when_other_targets_are_too_many_and_have_the_same_limit() {
        let room = 100;
        let mut outbox = Outbox::new(room);
        outbox.add(&Target::Version(Tag(1), 3), false);
        for n in 0..=room as u64 {
            outbox.add(&Target::tag(Tag(n)), false);
        }
        let records = drain(&mut outbox);
        assert!(records[0].hard.everything);
        assert_eq!(records[0].versions, [(1, 3)]);
        for n in 0..100 * room as u64 {
            outbox.add(&Target::Version(Tag(n), 1), false);
            assert!(outbox.versions.len() <= room);
        }
        assert!(drain(&mut outbox)[0].hard.everything);
    }

    #[test]
    fn a_record_that_is_cut_off_or_changed_is_not_read() {
        let mut outbox = Outbox::default();
        outbox.add(&Target::Tags((1..9).map(Tag).collect()), true);
        outbox.add(&Target::Glob(Pattern::name("a*b")), false);
        let bytes = outbox.take().encode();
        assert!(Record::decode(&bytes).is_some());
        for end in 0..bytes.len() {
            assert!(Record::decode(&bytes[..end]).is_none(), "{end}");
            let mut changed = bytes.to_vec();
            changed[end] ^= 4;
            assert!(Record::decode(&changed).is_none(), "{end}");
        }
    }
}
