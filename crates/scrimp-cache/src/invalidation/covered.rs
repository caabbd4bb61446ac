//! URIs whose responses outside memory are known to be current.

use std::collections::HashMap;

use super::{tags::Tag, writes::Mark};

/// Maximum number of URIs of a generation: what a map of 2¹⁹ places holds, in 17 MB.
const MAX_URIS: usize = 7 << 16;

/// URIs of which responses were encoded, in two generations.
///
/// A write to a URI removes it, so writes to other URIs, invented or not, change nothing. Only
/// URIs of further responses displace one: when the younger generation is full, the older one is
/// dropped as a whole. A URI that is used moves to the younger one.
#[derive(Debug)]
pub(super) struct Covered {
    young: HashMap<Tag, Cover>,
    old: HashMap<Tag, Cover>,
    max: usize,
    /// URIs since the last time they were taken, to be recorded. `None` if nothing records them.
    fresh: Option<Vec<Tag>>,
}

/// Knowledge of the writes to one URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cover {
    /// Position from which on every write is known.
    pub(super) since: u64,
    /// Position of the last write, and of the last one without a response; 0 is never.
    ///
    /// It is kept apart from `since`: a call that begins during a write can have the position of
    /// responses before the write.
    pub(super) last: Mark,
}

// === impl Covered ===

impl Default for Covered {
    fn default() -> Self {
        Self::new(MAX_URIS)
    }
}

impl Covered {
    fn new(max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            max,
            fresh: None,
        }
    }

    pub(super) fn get(&self, tag: Tag) -> Option<Cover> {
        self.young.get(&tag).or_else(|| self.old.get(&tag)).copied()
    }

    /// Returns whether the next generation would drop this URI.
    pub(super) fn is_old(&self, tag: Tag) -> bool {
        !self.old.is_empty() && self.old.contains_key(&tag)
    }

    /// Moves a URI to the younger generation. Returns false if others are dropped.
    #[must_use]
    pub(super) fn renew(&mut self, tag: Tag) -> bool {
        match self.old.remove(&tag) {
            Some(cover) => self.put(tag, cover),
            None => true,
        }
    }

    /// Adds what is known of a URI. Returns false if others are dropped.
    #[must_use]
    pub(super) fn add(&mut self, tag: Tag, more: Cover) -> bool {
        let known = self.young.get(&tag).copied();
        let known = known.or_else(|| self.old.remove(&tag));
        if let (None, Some(fresh)) = (known, &mut self.fresh) {
            fresh.push(tag);
        }
        let cover = known.map_or(more, |known| Cover {
            since: known.since.min(more.since),
            last: known.last.latest(more.last),
        });
        self.put(tag, cover)
    }

    fn put(&mut self, tag: Tag, cover: Cover) -> bool {
        self.young.insert(tag, cover);
        if self.young.len() < self.max {
            return true;
        }
        let dropped = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        dropped.is_empty()
    }

    /// Notes a write without a response.
    pub(super) fn soften(&mut self, tag: Tag, position: u64) {
        let cover = match self.young.get_mut(&tag) {
            Some(cover) => Some(cover),
            None => self.old.get_mut(&tag),
        };
        if let Some(cover) = cover {
            cover.last.soft = cover.last.soft.max(position);
        }
    }

    /// Removes a URI that was written to at this position.
    pub(super) fn remove(&mut self, tag: Tag, position: u64) {
        if self.get(tag).is_some_and(|cover| cover.begins() < position) {
            self.young.remove(&tag);
            self.old.remove(&tag);
        }
    }

    /// Collects new URIs from now on, to be recorded.
    pub(super) fn record(&mut self) {
        self.fresh.get_or_insert_default();
    }

    /// Takes the URIs that are not recorded yet, with the beginning of what is known.
    pub(super) fn take_fresh(&mut self) -> Box<[(Tag, u64)]> {
        let fresh = self.fresh.as_mut().map(std::mem::take).unwrap_or_default();
        let known = |tag: Tag| self.get(tag).map(|cover| (tag, cover.begins()));
        fresh.into_iter().filter_map(known).collect()
    }

    /// Returns all URIs in order, with the beginning of what is known.
    pub(super) fn all(&self) -> Box<[(Tag, u64)]> {
        let all = self.old.iter().chain(&self.young);
        let mut all: Box<[_]> = all.map(|(tag, cover)| (*tag, cover.begins())).collect();
        all.sort_unstable_by_key(|(tag, _)| tag.0);
        all
    }
}

// === impl Cover ===

impl Cover {
    /// Returns the position from which on no write has succeeded.
    pub(super) fn begins(self) -> u64 {
        self.since.max(self.last.hard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(n: u64) -> Tag {
        Tag(n << 2).of_kind(Tag::URI)
    }

    fn since(since: u64) -> Cover {
        let last = Mark::default();
        Cover { since, last }
    }

    #[test]
    fn a_flood_of_other_uris_stays_in_its_room_and_spares_what_is_in_use() {
        let mut covered = Covered::new(100);
        assert!(covered.add(uri(0), since(1)));
        let mut dropped = 0;
        for n in 1..=20_000 {
            dropped += usize::from(!covered.add(uri(n), since(n)));
            if covered.is_old(uri(0)) {
                dropped += usize::from(!covered.renew(uri(0)));
            }
            assert!(covered.young.len() + covered.old.len() < 200);
        }
        assert!(dropped > 0);
        assert_eq!(covered.get(uri(0)), Some(since(1)));
        assert_eq!(covered.get(uri(1)), None);
    }

    #[test]
    fn a_write_removes_its_uri_unless_what_is_known_begins_after_it() {
        let mut covered = Covered::new(100);
        let _ = covered.add(uri(0), since(7));
        covered.remove(uri(1), 9);
        covered.remove(uri(0), 7);
        assert_eq!(covered.get(uri(0)), Some(since(7)));
        covered.remove(uri(0), 8);
        assert_eq!(covered.get(uri(0)), None);
    }

    #[test]
    fn a_response_whose_call_began_earlier_extends_what_is_known() {
        let mut covered = Covered::new(100);
        let _ = covered.add(uri(0), since(7));
        let last = Mark { hard: 2, soft: 5 };
        let _ = covered.add(uri(0), Cover { since: 3, last });
        let _ = covered.add(uri(0), since(4));
        covered.soften(uri(0), 4);
        let known = covered.get(uri(0));
        assert_eq!(known, Some(Cover { since: 3, last }));
        assert_eq!(known.map(Cover::begins), Some(3));
    }

    #[test]
    fn a_response_whose_call_began_during_a_write_does_not_revive_what_is_older() {
        let mut covered = Covered::new(100);
        let last = Mark { hard: 6, soft: 0 };
        let _ = covered.add(uri(0), Cover { since: 5, last });
        let _ = covered.add(uri(0), since(5));
        assert_eq!(covered.get(uri(0)).map(Cover::begins), Some(6));
    }
}
