//! Versions of entities, so that a replica that lags cannot restore an older one.

use std::{collections::HashMap, hash::RandomState};

use super::tags::Tag;

/// The required versions of tags.
#[derive(Debug, Default)]
pub(super) struct Versions {
    raised: HashMap<Tag, Raised, RandomState>,
    forgotten: Forgotten,
}

/// Required version. An entry with a lower one is outdated, whenever it was fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raised {
    pub(super) version: u64,
    /// Position of the raise. An entry without a version was fetched before or after it.
    pub(super) at: u64,
}

/// Bounds on the versions of tags that did not fit, never too low. They are two rows of the
/// highest version among the tags that share a place, of which the lower counts (a count-min
/// sketch with maxima for sums). A bound that is too high costs calls, never a stale response.
#[derive(Debug, Default)]
struct Forgotten {
    places: Box<[u64]>,
}

// === impl Versions ===

impl Versions {
    /// Raises the version of a tag. Returns false if it is that high already.
    pub(super) fn raise(&mut self, tag: Tag, version: u64, at: u64) -> bool {
        if self
            .raised
            .get(&tag)
            .is_some_and(|raised| version <= raised.version)
        {
            return false;
        }
        self.raised.insert(tag, Raised { version, at });
        true
    }

    /// Reports whether an entry that was fetched at a position and carries a tag, perhaps with a
    /// version, is outdated.
    pub(super) fn outdate(&self, tag: Tag, version: Option<u64>, fetched_at: u64) -> bool {
        let raised = self.raised.get(&tag);
        match version {
            Some(version) => {
                raised.is_some_and(|raised| version < raised.version)
                    || version < self.forgotten.version(tag)
            }
            None => raised.is_some_and(|raised| raised.at > fetched_at),
        }
    }

    /// Returns the number of tags whose versions are held individually.
    pub(super) fn len(&self) -> usize {
        self.raised.len()
    }

    /// Makes room: the half with the oldest raises is remembered less exactly. Returns the
    /// position of the last of these, for entries without a version.
    pub(super) fn forget_older_half(&mut self, max: usize) -> u64 {
        let mut positions: Vec<u64> = self.raised.values().map(|raised| raised.at).collect();
        let middle = positions.len() / 2;
        let last = *positions.select_nth_unstable(middle).1;
        let old: Vec<_> = self
            .raised
            .extract_if(|_, raised| raised.at <= last)
            .collect();
        for (tag, raised) in old {
            self.forgotten.note(tag, raised.version, max);
        }
        last
    }

    #[cfg(feature = "codec")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Tag, Raised)> {
        self.raised.iter().map(|(tag, raised)| (*tag, *raised))
    }

    #[cfg(feature = "codec")]
    pub(super) fn forgotten(&self) -> &[u64] {
        &self.forgotten.places
    }

    /// Restores the bounds of another log. It has as many places, or none.
    #[cfg(feature = "codec")]
    pub(super) fn restore_forgotten(&mut self, places: Box<[u64]>) {
        self.forgotten = Forgotten { places };
    }
}

// === impl Forgotten ===

impl Forgotten {
    fn note(&mut self, tag: Tag, version: u64, max: usize) {
        if self.places.is_empty() {
            self.places = vec![0; 2 * max.max(1)].into();
        }
        for place in places(tag, self.places.len()) {
            if let Some(highest) = self.places.get_mut(place) {
                *highest = version.max(*highest);
            }
        }
    }

    fn version(&self, tag: Tag) -> u64 {
        let places = places(tag, self.places.len()).into_iter();
        places
            .filter_map(|place| self.places.get(place))
            .min()
            .copied()
            .unwrap_or_default()
    }
}

/// Returns one place in each row. A tag is a hash already, and has two halves.
fn places(tag: Tag, length: usize) -> [usize; 2] {
    let row = (length / 2).max(1);
    let place = |hash: u64| hash as usize % row;
    [place(tag.0), row + place(tag.0.rotate_left(32))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_never_too_low_and_mostly_right() {
        let mut versions = Versions::default();
        let tag = |n: u64| Tag(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for n in 0..1_000 {
            versions.raise(tag(n), n + 2, n + 1);
        }
        let last = versions.forget_older_half(2_000);
        assert_eq!((versions.len(), last), (499, 501));
        let older = |n: u64| versions.outdate(tag(n), Some(n + 1), u64::MAX);
        assert!((0..1_000).all(older), "a lower version is known to be one");
        let same = |n: &u64| versions.outdate(tag(*n), Some(n + 2), u64::MAX);
        let wrong = (0..1_000).filter(same).count();
        assert!(
            wrong < 50,
            "{wrong} of 1,000 the same version is taken for a lower one"
        );
    }
}
