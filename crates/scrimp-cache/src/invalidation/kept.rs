//! Marks of writes for responses that are not in memory, and for groups.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hasher},
};

use super::{sync::BUCKETS, validity::Tag, writes::Mark};

/// Maximum number of marks of a bucket: together with the buckets, 2¹⁸ marks of 16 bytes.
const MAX_MARKS: usize = 64;

/// Maximum number of soft marks of a bucket. Nothing depends on them, see [`KeptWrites`].
const MAX_SOFT: usize = 16;

/// Marks of writes, in buckets by the hash of their tag.
///
/// A full bucket drops its oldest mark and raises its floor instead: everything older that is in
/// this bucket is invalid. The other buckets are not affected.
///
/// A soft mark is that of a write without a response, which HTTP does not ask to invalidate
/// anything. It is dropped without a floor, so that cancelled writes affect nothing but the URIs
/// that they name.
#[derive(Debug)]
pub(crate) struct KeptWrites {
    /// Empty until the first mark.
    buckets: Vec<Bucket>,
    /// The secret by which tags fall into buckets: clients can compute the tags.
    secret: u64,
    /// Flag that marks on URIs are kept. Those on groups always are: a call in progress does not
    /// know its groups yet.
    uris: bool,
}

/// Marks, oldest first.
#[derive(Debug, Clone, Default)]
struct Bucket {
    hard: VecDeque<(Tag, u64)>,
    soft: VecDeque<(Tag, u64)>,
    /// Position before which everything in the bucket counts as hit.
    floor: u64,
}

// === impl KeptWrites ===

impl Default for KeptWrites {
    fn default() -> Self {
        Self {
            buckets: Vec::new(),
            secret: fastrand::u64(..),
            uris: false,
        }
    }
}

impl KeptWrites {
    pub(super) fn keeps_uris(&self) -> bool {
        self.uris
    }

    #[cfg(feature = "codec")]
    pub(super) fn keep_uris(&mut self) {
        self.uris = true;
    }

    /// Leaves a mark on each tag. Position 0 leaves none. Returns false if it changes nothing.
    pub(super) fn mark(&mut self, tags: &[Tag], position: u64, soft: bool) -> bool {
        let mut changed = false;
        for &tag in tags {
            if position == 0 || !self.keeps(tag) {
                continue;
            }
            let place = self.place(tag);
            if self.buckets.is_empty() {
                self.buckets = vec![Bucket::default(); BUCKETS];
            }
            self.buckets[place].mark(tag, position, soft);
            changed = true;
        }
        changed
    }

    /// Returns the marks on these tags. A floor counts as a mark.
    pub(super) fn marks(&self, tags: impl IntoIterator<Item = Tag>) -> Mark {
        let mut marks = Mark::default();
        if self.buckets.is_empty() {
            return marks;
        }
        for tag in tags.into_iter().filter(|tag| self.keeps(*tag)) {
            let bucket = &self.buckets[self.place(tag)];
            marks.hard = marks.hard.max(bucket.floor).max(find(&bucket.hard, tag));
            marks.soft = marks.soft.max(find(&bucket.soft, tag));
        }
        marks
    }

    fn keeps(&self, tag: Tag) -> bool {
        tag.is_group() || (self.uris && tag.is_uri())
    }

    #[allow(clippy::modulo_one, reason = "models have one bucket")]
    fn place(&self, tag: Tag) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.secret);
        hasher.write_u64(tag.0);
        hasher.finish() as usize % BUCKETS
    }

    /// Returns the secret and the floors, for another log. `None` if there is no floor yet.
    #[cfg(feature = "codec")]
    pub(super) fn floors(&self) -> Option<(u64, Box<[u64]>)> {
        let floors: Box<[u64]> = self.buckets.iter().map(|bucket| bucket.floor).collect();
        let any = floors.iter().any(|floor| *floor > 0);
        any.then_some((self.secret, floors))
    }

    /// Restores the secret and the floors of another log. Marks follow.
    #[cfg(feature = "codec")]
    pub(super) fn restore(&mut self, secret: u64, floors: &[u64]) {
        self.secret = secret;
        // A log with another number of buckets has put tags elsewhere.
        let highest = floors.iter().copied().max().unwrap_or_default();
        let same = floors.len() == BUCKETS;
        self.buckets = vec![Bucket::default(); BUCKETS];
        for (place, bucket) in self.buckets.iter_mut().enumerate() {
            bucket.floor = if same { floors[place] } else { highest };
        }
    }

    /// Iterates over the hard marks. A soft one is not recorded: it is not to last.
    #[cfg(feature = "codec")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Tag, u64)> {
        self.buckets
            .iter()
            .flat_map(|bucket| bucket.hard.iter().copied())
    }
}

// === impl Bucket ===

impl Bucket {
    fn mark(&mut self, tag: Tag, position: u64, soft: bool) {
        let (marks, max) = match soft {
            true => (&mut self.soft, MAX_SOFT),
            false => (&mut self.hard, MAX_MARKS),
        };
        if let Some(place) = marks.iter().position(|(own, _)| *own == tag) {
            // An entry that is encoded brings an older mark late.
            let newer = marks[place].1.max(position);
            marks.remove(place);
            marks.push_back((tag, newer));
            return;
        }
        if marks.len() == max
            && let Some((_, oldest)) = marks.pop_front()
            && !soft
        {
            self.floor = self.floor.max(oldest);
        }
        marks.push_back((tag, position));
    }
}

fn find(marks: &VecDeque<(Tag, u64)>, tag: Tag) -> u64 {
    let found = marks.iter().find(|(own, _)| *own == tag);
    found.map_or(0, |(_, position)| *position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(n: u64) -> Tag {
        Tag(n << 2).of_kind(Tag::URI)
    }

    #[cfg(feature = "codec")]
    #[test]
    fn a_full_bucket_loses_its_oldest_mark_and_raises_its_own_floor_alone() {
        let mut kept = KeptWrites::default();
        kept.keep_uris();
        let victim = uri(0);
        let (mut same, mut other) = (Vec::new(), None);
        for n in 1.. {
            match kept.place(uri(n)) == kept.place(victim) {
                true => same.push(uri(n)),
                false => other = Some(uri(n)),
            }
            if same.len() == MAX_MARKS + 1 {
                break;
            }
        }
        for (position, tag) in (10..).zip(&same) {
            kept.mark(&[*tag], position, false);
        }
        assert_eq!(kept.marks([victim]).hard, 10, "one was dropped");
        assert_eq!(kept.marks([same[1]]).hard, 11);
        // Over the locks of a model checker, there is one bucket.
        if let Some(other) = other {
            assert_eq!(kept.marks([other]), Mark::default());
        }
    }

    #[test]
    fn a_flood_of_soft_marks_raises_no_floor_and_stays_in_its_room() {
        let mut bucket = Bucket::default();
        bucket.mark(uri(0), 1, false);
        let flood = 100 * MAX_SOFT as u64;
        (1..=flood).for_each(|n| bucket.mark(uri(n), n, true));
        assert_eq!((bucket.floor, find(&bucket.hard, uri(0))), (0, 1));
        assert_eq!(
            (bucket.soft.len(), find(&bucket.soft, uri(flood))),
            (MAX_SOFT, flood)
        );
    }

    #[test]
    fn a_flood_of_hard_marks_stays_in_its_room_and_counts_as_one_floor() {
        let mut bucket = Bucket::default();
        let flood = 100 * MAX_MARKS as u64;
        (1..=flood).for_each(|n| bucket.mark(uri(n), n, false));
        assert_eq!(
            (bucket.hard.len(), bucket.floor),
            (MAX_MARKS, flood - MAX_MARKS as u64)
        );
    }

    #[test]
    fn a_mark_on_a_uri_is_kept_only_for_what_leaves_memory() {
        let mut kept = KeptWrites::default();
        assert!(!kept.mark(&[uri(1)], 7, false) && kept.buckets.is_empty());
        let group = Tag(4).of_kind(Tag::GROUP);
        assert!(kept.mark(&[group], 8, false));
        assert_eq!(
            (kept.marks([group]).hard, kept.marks([uri(1)]).hard),
            (8, 0)
        );
    }
}
