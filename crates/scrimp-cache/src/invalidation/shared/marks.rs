//! The marks that decide on responses of other processes.

use std::hash::{BuildHasher, RandomState};

use crate::invalidation::{
    bucket::Bucket,
    epoch::{Carried, Epoch, InvalidationRecord, MAX_MARKS, Tag, Target},
    log::Log,
};

/// Number of buckets of the marks of clients' writes.
const BUCKETS: usize = 1 << 12;

/// The marks of invalidations by their positions in one log, which is not the local one.
///
/// Marks of clients' writes have room of their own. Of a flood of them, each bucket forgets its
/// oldest and raises its own floor, so that what lies in the others stays in use.
#[derive(Debug, Default)]
pub(super) struct Marks {
    log: Log,
    /// Buckets of the marks of writes; none before the first.
    writes: Box<[Bucket]>,
    /// Secret of the choice of a bucket: clients can compute the tags.
    secret: RandomState,
}

// === impl Marks ===

impl Marks {
    /// Leaves the marks of an invalidation.
    pub(super) fn apply(&mut self, position: u64, target: Target, soft: bool) {
        if let Target::Written(tags) = target {
            for tag in tags {
                let place = self.place(tag);
                self.buckets()[place].mark(tag, position, soft);
            }
            return;
        }
        self.log.apply(InvalidationRecord {
            position,
            soft,
            target,
        });
        self.log.keep_to(MAX_MARKS);
    }

    /// Forgets what is known before a position: everything older counts as hit.
    pub(super) fn begin_at(&mut self, position: u64) {
        self.apply(position, Target::Everything, false);
        self.writes = Box::default();
    }

    /// Checks what a response carries that was fetched at a position.
    pub(super) fn epoch(&self, carried: &Carried, fetched_at: u64) -> Epoch {
        // An older version is outdated, whenever it was fetched.
        let mut epoch = self.log.epoch(carried, fetched_at, 0);
        let tags = carried.tags().into_iter();
        for tag in tags.filter(|tag| tag.is_uri() || tag.is_group()) {
            let Some(bucket) = self.writes.get(self.place(tag)) else {
                break;
            };
            if bucket.floor.max(bucket.hard(tag)) > fetched_at {
                return Epoch::Gone;
            }
            if bucket.soft(tag) > fetched_at {
                epoch = epoch.max(Epoch::Stale);
            }
        }
        epoch
    }

    fn place(&self, tag: Tag) -> usize {
        self.secret.hash_one(tag) as usize % BUCKETS
    }

    fn buckets(&mut self) -> &mut [Bucket] {
        if self.writes.is_empty() {
            self.writes = vec![Bucket::default(); BUCKETS].into();
        }
        &mut self.writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalidation::bucket;

    fn uri(n: u64) -> Tag {
        Tag(n << 2).of_kind(Tag::URI)
    }

    fn carried(tag: Tag) -> Carried {
        Carried::new([tag], [], "")
    }

    #[test]
    fn a_flood_of_writes_keeps_to_its_room_and_spares_what_came_after_it() {
        let mut marks = Marks::default();
        let room = (BUCKETS * bucket::MAX_MARKS) as u64;
        let flood = 100 * room;
        // One bucket stands for all: the flood is that of one hundred rooms.
        let crowded: Vec<u64> = (1..)
            .filter(|n| marks.place(uri(*n)) == 7)
            .take(6_400)
            .collect();
        for (at, n) in crowded.iter().enumerate() {
            marks.apply(
                at as u64 + 1,
                Target::Written([uri(*n)].into_iter().collect()),
                false,
            );
        }
        assert!(marks.writes[7].hard.len() <= bucket::MAX_MARKS);
        let other = (1..).find(|n| marks.place(uri(*n)) != 7).unwrap();
        assert_eq!(marks.epoch(&carried(uri(other)), 0), Epoch::Valid);
        assert_eq!(marks.epoch(&carried(uri(crowded[0])), 0), Epoch::Gone);
        assert_eq!(marks.epoch(&carried(uri(crowded[0])), flood), Epoch::Valid);
    }

    #[test]
    fn what_is_older_than_the_beginning_counts_as_hit() {
        let mut marks = Marks::default();
        marks.apply(3, Target::Written([uri(1)].into_iter().collect()), false);
        marks.begin_at(9);
        assert_eq!(marks.epoch(&carried(uri(1)), 8), Epoch::Gone);
        assert_eq!(marks.epoch(&carried(uri(1)), 9), Epoch::Valid);
    }
}
