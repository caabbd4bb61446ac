//! The candidates for the next request, by their item.

use super::table::Node;
use crate::Trail;

/// Candidates that are weighed.
pub(super) const CANDIDATES: usize = 16;

/// Place of all items that the session has seen.
pub(super) const SEEN: usize = CANDIDATES;

/// Place of all items that are neither candidates nor seen.
pub(super) const NONE: usize = CANDIDATES + 1;

/// Number of places, rounded up to a power of two.
pub(super) const PLACES: usize = 32;

/// Buckets of the index: twice as many as candidates and items of a trail.
const BUCKETS: usize = 128;

/// Finds candidates, and items that the session has seen.
pub(super) struct Index {
    buckets: [(u32, u8); BUCKETS],
    items: [u32; CANDIDATES],
    count: usize,
}

// === impl Index ===

impl Default for Index {
    fn default() -> Self {
        Self {
            buckets: [(0, 0); BUCKETS],
            items: [0; CANDIDATES],
            count: 0,
        }
    }
}

impl Index {
    /// Forgets all candidates. The items of a session cannot become candidates.
    pub(super) fn begin(&mut self, trail: &Trail) {
        self.buckets = [(0, 0); BUCKETS];
        self.count = 0;
        for item in trail.seen() {
            if let Err(bucket) = self.look(item.get()) {
                self.buckets[bucket] = (item.get(), SEEN as u8);
            }
        }
    }

    /// Adds a candidate, if it is new and there is room. Returns the item's place.
    pub(super) fn add(&mut self, item: u32) -> usize {
        let bucket = match self.look(item) {
            Ok(place) => return place,
            Err(bucket) => bucket,
        };
        if self.is_full() {
            return NONE;
        }
        let place = self.count;
        #[expect(clippy::cast_possible_truncation, reason = "there are few candidates")]
        let entry = (item, place as u8);
        self.buckets[bucket] = entry;
        self.items[place] = item;
        self.count += 1;
        place
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == CANDIDATES
    }

    /// Returns the candidates, by their place.
    pub(super) fn candidates(&self) -> &[u32] {
        &self.items[..self.count]
    }

    /// Adds up how often items followed, by their places. New items become candidates, as long as there is room.
    pub(super) fn count_and_add(&mut self, node: &Node, counts: &mut [u16; PLACES]) {
        let mut items = node.items();
        while !self.is_full() {
            let Some((item, times)) = items.next() else {
                return;
            };
            counts[self.add(item) % PLACES] += times;
        }
        self.count(items, counts);
    }

    /// Adds up how often known items followed, by their places.
    pub(super) fn count(
        &self,
        items: impl Iterator<Item = (u32, u16)>,
        counts: &mut [u16; PLACES],
    ) {
        for (item, times) in items {
            if let Ok(place) = self.look(item) {
                counts[place % PLACES] += times;
            }
        }
    }

    /// Returns the place of an item.
    pub(super) fn place(&self, item: u32) -> usize {
        self.look(item).unwrap_or(NONE)
    }

    /// Returns the place of an item, or the bucket where it would be. There is room for all.
    fn look(&self, item: u32) -> Result<usize, usize> {
        let mut at = (item.wrapping_mul(0x9e37_79b1) >> 25) as usize % BUCKETS;
        loop {
            match self.buckets[at] {
                (0, _) => return Err(at),
                (there, place) if there == item => return Ok(usize::from(place)),
                _ => at = (at + 1) % BUCKETS,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ItemId;

    #[test]
    fn a_hundred_times_as_many_items_leave_the_first_candidates_and_none_that_was_seen() {
        let (mut index, mut trail) = (Index::default(), Trail::new());
        for item in 1..=100 * CANDIDATES as u32 {
            trail.push(ItemId::new(item).expect("not 0"));
        }
        index.begin(&trail);
        let last = 100 * CANDIDATES as u32;
        for item in last..101 * last {
            index.add(item);
        }
        assert_eq!(index.place(last), SEEN);
        let first: Vec<u32> = (last + 1..).take(CANDIDATES).collect();
        assert_eq!(index.candidates(), first);
        assert_eq!(index.place(last + 1), 0);
        assert_eq!(index.place(last + 1 + CANDIDATES as u32), NONE);
    }
}
