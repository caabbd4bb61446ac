//! Marks of writes for responses that are not in memory, and for groups.

use std::hash::{DefaultHasher, Hasher};

use super::{
    bucket::Bucket,
    covered::{Cover, Covered},
    sync::BUCKETS,
    tags::Tag,
    writes::Mark,
};

/// Writes that concern responses outside memory, and groups.
///
/// A URI of which a response was encoded is [covered](Covered), and needs no mark: a write ends
/// that, and outdates what is older. A response of a URI that is not covered was written over, or
/// its URI had to make room for others. Only once that has happened do writes to further URIs
/// leave marks: before, they cannot hit anything.
///
/// Marks are in buckets by the hash of their tag. A full bucket drops its oldest mark and raises
/// its floor instead: everything older that is in this bucket, and not covered, is invalid. The
/// other buckets are not affected.
///
/// A soft mark is that of a write without a response, which HTTP does not ask to invalidate
/// anything. It is dropped without a floor, so that cancelled writes affect nothing but the URIs
/// that they name.
#[derive(Debug)]
pub(crate) struct KeptWrites {
    covered: Covered,
    /// Set once covered URIs had to make room: the position below which nothing else is valid.
    crowded: Option<u64>,
    /// First position of this process; 0 if the log began with it. Of older responses, the record
    /// that their URI was covered may be lost.
    resumed: u64,
    /// Empty until the first mark.
    buckets: Vec<Bucket>,
    /// The secret by which tags fall into buckets: clients can compute the tags.
    secret: u64,
}

/// Record of covered URIs: each with the position from which its writes are known, and, if some
/// had to make room, the lowest floor of all others.
#[cfg(feature = "codec")]
pub(super) type CoverRecord = (Box<[(Tag, u64)]>, Option<u64>);

// === impl KeptWrites ===

impl Default for KeptWrites {
    fn default() -> Self {
        Self {
            covered: Covered::default(),
            crowded: None,
            resumed: 0,
            buckets: Vec::new(),
            secret: fastrand::u64(..),
        }
    }
}

impl KeptWrites {
    /// Returns whether a write to this tag changes anything.
    pub(super) fn concern(&self, tag: Tag) -> bool {
        tag.is_group()
            || (tag.is_uri() && (self.crowded.is_some() || self.covered.get(tag).is_some()))
    }

    /// Notes a write to these tags. Returns false if it changes nothing.
    pub(super) fn mark(&mut self, tags: &[Tag], position: u64, soft: bool) -> bool {
        let mut changed = false;
        for &tag in tags {
            if self.concern(tag) {
                self.enter(tag, position, soft);
                changed = true;
            }
        }
        changed
    }

    fn enter(&mut self, tag: Tag, position: u64, soft: bool) {
        match soft {
            true => self.covered.soften(tag, position),
            false => self.covered.remove(tag, position),
        }
        let place = self.place(tag);
        self.buckets()[place].mark(tag, position, soft);
    }

    /// Returns what is known about an entry's tags: the latest marks on them. A floor counts as a
    /// mark.
    pub(super) fn marks(&self, tags: impl IntoIterator<Item = Tag>, fetched_at: u64) -> Mark {
        let marks = tags
            .into_iter()
            .map(|tag| match self.known(tag, fetched_at) {
                Some(Cover { last, .. }) => last,
                None if tag.is_group() || (tag.is_uri() && self.crowded.is_some()) => {
                    self.bucket_marks(tag)
                }
                None if tag.is_uri() => Mark {
                    hard: u64::MAX,
                    soft: 0,
                },
                None => Mark::default(),
            });
        marks.fold(Mark::default(), Mark::latest)
    }

    /// Returns what is known about a URI, if that is everything since this position.
    pub(super) fn known(&self, tag: Tag, fetched_at: u64) -> Option<Cover> {
        let cover = self.covered.get(tag);
        cover.filter(|cover| fetched_at >= cover.begins())
    }

    fn bucket_marks(&self, tag: Tag) -> Mark {
        self.buckets
            .get(self.place(tag))
            .map_or_else(Mark::default, |bucket| Mark {
                hard: bucket.floor.max(bucket.hard(tag)),
                soft: bucket.soft(tag),
            })
    }

    /// Returns whether this URI makes room next, though it is in use.
    pub(super) fn is_old(&self, tag: Tag) -> bool {
        self.covered.is_old(tag)
    }

    /// Keeps a URI in use covered.
    pub(super) fn renew(&mut self, tag: Tag) {
        if !self.covered.renew(tag) {
            self.crowd();
        }
    }

    /// Covers a URI of which a response leaves memory.
    #[cfg(feature = "codec")]
    pub(super) fn cover(&mut self, tag: Tag, cover: Cover) {
        // Marks before it was covered count too, in case its call began during one of those writes.
        let earlier = match self.covered.get(tag) {
            Some(_) => Mark::default(),
            None => self.bucket_marks(tag),
        };
        let last = cover.last.latest(earlier);
        self.add(tag, Cover { last, ..cover });
    }

    #[cfg(feature = "codec")]
    fn add(&mut self, tag: Tag, cover: Cover) {
        if !self.covered.add(tag, cover) {
            self.crowd();
        }
    }

    /// Leaves marks for all URIs from now on.
    fn crowd(&mut self) {
        if self.crowded.is_none() {
            self.crowd_above(self.resumed);
        }
    }

    fn buckets(&mut self) -> &mut [Bucket] {
        if self.buckets.is_empty() {
            self.buckets = vec![Bucket::default(); BUCKETS];
        }
        &mut self.buckets
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

    fn crowd_above(&mut self, floor: u64) {
        self.crowded = Some(floor);
        for bucket in self.buckets() {
            bucket.floor = bucket.floor.max(floor);
        }
    }

    /// Restores the secret and the floors of another log. Marks follow.
    #[cfg(feature = "codec")]
    pub(super) fn restore_floors(&mut self, secret: u64, floors: &[u64]) {
        self.secret = secret;
        // A log with another number of buckets has put tags elsewhere.
        let highest = floors.iter().copied().max().unwrap_or_default();
        let same = floors.len() == BUCKETS;
        for (place, bucket) in self.buckets().iter_mut().enumerate() {
            bucket.floor = if same { floors[place] } else { highest };
        }
    }

    /// Restores a mark of another log, which had a reason for it.
    #[cfg(feature = "codec")]
    pub(super) fn restore_mark(&mut self, tag: Tag, position: u64) {
        if position > 0 && (tag.is_uri() || tag.is_group()) {
            self.enter(tag, position, false);
        }
    }

    /// Restores covered URIs of another log. A floor of their bucket does not concern them.
    #[cfg(feature = "codec")]
    pub(super) fn restore_covers(&mut self, (tags, floor): &CoverRecord) {
        if let Some(floor) = floor {
            self.crowd_above(*floor);
        }
        for &(tag, since) in tags {
            let marked = self.buckets.get(self.place(tag));
            let marked = marked.map_or(0, |bucket| bucket.hard(tag));
            let hard = since.max(marked);
            let last = Mark { hard, soft: 0 };
            self.add(tag, Cover { since, last });
        }
    }

    /// Notes that the log goes on at this position, after a gap in its records.
    #[cfg(feature = "codec")]
    pub(super) fn resume(&mut self, position: u64) {
        self.resumed = position;
    }

    /// Collects what is covered from now on, to be recorded.
    #[cfg(feature = "codec")]
    pub(super) fn record(&mut self) {
        self.covered.record();
    }

    /// Takes what is covered and not recorded. `None` if there is nothing.
    #[cfg(feature = "codec")]
    pub(super) fn take_fresh(&mut self) -> Option<CoverRecord> {
        let fresh = self.covered.take_fresh();
        (!fresh.is_empty()).then_some((fresh, self.crowded))
    }

    /// Returns all that is covered.
    #[cfg(feature = "codec")]
    pub(super) fn covers_record(&self) -> CoverRecord {
        (self.covered.all(), self.crowded)
    }

    /// Iterates over the hard marks. A soft one is not recorded: it is not to last.
    #[cfg(feature = "codec")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Tag, u64)> {
        self.buckets
            .iter()
            .flat_map(|bucket| bucket.hard.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::bucket::MAX_MARKS, *};

    fn uri(n: u64) -> Tag {
        Tag(n << 2).of_kind(Tag::URI)
    }

    #[cfg(feature = "codec")]
    #[test]
    fn a_full_bucket_loses_its_oldest_mark_and_raises_its_own_floor_alone() {
        let mut kept = KeptWrites::default();
        kept.crowd();
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
        assert_eq!(kept.marks([victim], 0).hard, 10, "one was dropped");
        assert_eq!(kept.marks([same[1]], 0).hard, 11);
        // Over the locks of a model checker, there is one bucket.
        if let Some(other) = other {
            assert_eq!(kept.marks([other], 0), Mark::default());
        }
    }

    #[test]
    fn a_mark_on_a_uri_is_kept_only_for_what_leaves_memory() {
        let mut kept = KeptWrites::default();
        assert!(!kept.mark(&[uri(1)], 7, false) && kept.buckets.is_empty());
        let group = Tag(4).of_kind(Tag::GROUP);
        assert!(kept.mark(&[group], 8, false));
        assert_eq!(kept.marks([group], 0).hard, 8);
        assert!(kept.marks([uri(1)], 9).hard > 9, "nothing vouches for it");
    }

    #[cfg(feature = "codec")]
    #[test]
    fn a_uri_that_had_to_make_room_is_invalidated_by_marks_and_those_before_a_gap_are_gone() {
        let cover = |since| Cover {
            since,
            last: Mark::default(),
        };
        let mut kept = KeptWrites::default();
        kept.resume(10);
        kept.cover(uri(1), cover(5));
        kept.cover(uri(2), cover(12));
        assert_eq!(kept.marks([uri(1), uri(2)], 12), Mark::default());
        kept.mark(&[uri(2)], 13, false);
        assert!(kept.marks([uri(2)], 12).hard > 12);
        kept.crowd();
        kept.mark(&[uri(3)], 14, false);
        let hard = |n, at| kept.marks([uri(n)], at).hard;
        assert_eq!((hard(3, 0), hard(2, 12), hard(4, 9)), (14, 13, 10));
        assert_eq!(hard(1, 5), 0, "it is covered");
        // A response of another variant, after the floor of the bucket has risen.
        kept.crowd_above(20);
        kept.cover(uri(1), cover(21));
        kept.cover(uri(2), cover(21));
        let hard = |n, at| kept.marks([uri(n)], at).hard;
        assert_eq!((hard(1, 5), hard(2, 12), hard(2, 21)), (0, 20, 20));
    }
}
