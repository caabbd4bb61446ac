//! The targets that a session has asked for so far.

use crate::ItemId;

/// Items of the recent past that are kept, a repeated one once.
const RECENT: usize = 4;

/// Different items of a session that are kept.
const SEEN: usize = 48;

/// The items that a session has asked for, as far as predictors need them. It takes 224 bytes, however
/// long the session is.
#[derive(Debug, Clone)]
pub struct Trail {
    /// The latest items, the newest first. Repetitions of an item count once.
    recent: [u32; RECENT],
    /// The different items, in a ring once it is full.
    seen: [u32; SEEN],
    different: u32,
    steps: u32,
    run: u32,
}

// === impl Trail ===

impl Default for Trail {
    fn default() -> Self {
        Self::new()
    }
}

impl Trail {
    /// Returns the trail of a session that has asked for nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            recent: [0; RECENT],
            seen: [0; SEEN],
            different: 0,
            steps: 0,
            run: 0,
        }
    }

    /// Adds the item that the session asks for now.
    pub fn push(&mut self, item: ItemId) {
        let id = item.get();
        self.steps = self.steps.saturating_add(1);
        if self.recent[0] == id {
            self.run = self.run.saturating_add(1);
            return;
        }
        self.run = 1;
        if !self.has_seen(item) {
            self.seen[self.different as usize % SEEN] = id;
            // It stays above SEEN once it is there, so the ring goes on behind its end.
            self.different = match self.different.checked_add(1) {
                Some(next) => next,
                None => SEEN as u32,
            };
        }
        self.recent.rotate_right(1);
        self.recent[0] = id;
    }

    /// Returns the item before `back` others, repetitions not counted: 0 is the last one.
    #[must_use]
    pub fn recent(&self, back: usize) -> Option<ItemId> {
        self.recent.get(back).copied().and_then(ItemId::new)
    }

    /// Reports whether the session has asked for an item. Of a session with more than 48 different items,
    /// the older ones are forgotten.
    #[must_use]
    pub fn has_seen(&self, item: ItemId) -> bool {
        self.seen[..self.kept()].contains(&item.get())
    }

    /// Returns the different items, the latest new one first.
    pub fn seen(&self) -> impl Iterator<Item = ItemId> + '_ {
        let (next, kept) = (self.different as usize, self.kept());
        (1..=kept).filter_map(move |back| ItemId::new(self.seen[(next - back) % SEEN]))
    }

    /// Returns the number of different items, up to 48.
    #[must_use]
    pub fn different(&self) -> usize {
        self.kept()
    }

    /// Returns how often the last item was asked for in a row.
    #[must_use]
    pub fn run(&self) -> u32 {
        self.run
    }

    /// Returns the number of requests.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    fn kept(&self) -> usize {
        (self.different as usize).min(SEEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> ItemId {
        ItemId::new(number).expect("not 0")
    }

    #[test]
    fn repetitions_count_as_one_item_and_as_many_steps() {
        let mut trail = Trail::new();
        for number in [1, 1, 2, 1, 1, 1] {
            trail.push(id(number));
        }
        assert_eq!((trail.steps(), trail.run(), trail.different()), (6, 3, 2));
        let recent: Vec<_> = (0..4).map(|back| trail.recent(back)).collect();
        assert_eq!(recent, [Some(id(1)), Some(id(2)), Some(id(1)), None]);
        assert_eq!(trail.seen().collect::<Vec<_>>(), [id(2), id(1)]);
    }

    #[test]
    fn a_session_a_hundred_times_longer_than_the_memory_keeps_its_latest_items() {
        let mut trail = Trail::new();
        let last = 100 * SEEN as u32;
        for number in 1..=last {
            trail.push(id(number));
        }
        assert_eq!(trail.different(), SEEN);
        let expected: Vec<_> = (0..SEEN as u32).map(|back| id(last - back)).collect();
        assert_eq!(trail.seen().collect::<Vec<_>>(), expected);
        assert!(!trail.has_seen(id(1)));
        assert!(size_of::<Trail>() <= 224, "{}", size_of::<Trail>());
    }
}
