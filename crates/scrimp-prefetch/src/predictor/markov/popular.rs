//! Frequencies of items that are new to a session, and times that sessions stay at them.

use std::time::Duration;

/// Items that share a place.
const WAYS: usize = 4;

/// Share of the latest stay in the mean.
const SHARE: f32 = 0.1;

/// Time that is assumed until sessions have shown it.
const FIRST: Duration = Duration::from_secs(10);

/// Popularity and stays of items, in a fixed amount of memory.
pub(super) struct Popular {
    sets: Box<[[Known; WAYS]]>,
    total: u64,
    items: u32,
    /// The items that were new most often, more or less.
    top: [u32; TOP],
}

/// Popular items that are remembered as candidates.
pub(super) const TOP: usize = 16;

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    item: u32,
    count: u32,
    /// Mean of the logarithm of the stay in seconds. 0 as long as there is none.
    stay: f32,
}

// === impl Popular ===

impl Popular {
    pub(super) fn new(items: usize) -> Self {
        let sets = (items / WAYS).next_power_of_two();
        Self {
            sets: vec![[Known::default(); WAYS]; sets].into(),
            total: 0,
            items: 1,
            top: [0; TOP],
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }

    /// Counts an item that is new to a session.
    pub(super) fn add(&mut self, item: u32) {
        let known = self.known(item);
        known.count = known.count.saturating_add(1);
        let (count, is_first) = (known.count, known.count == 1);
        self.total += 1;
        self.items = self.items.saturating_add(u32::from(is_first));
        self.note_top(item, count);
    }

    /// Learns how long a session stayed at an item before a new one.
    pub(super) fn stayed(&mut self, item: u32, time: Duration) {
        let stay = time.as_secs_f32().max(0.001).ln();
        let known = self.known(item);
        known.stay = match known.stay == 0.0 {
            true => stay,
            false => known.stay + SHARE * (stay - known.stay),
        };
    }

    /// Returns how long a session will stay at an item.
    pub(super) fn stay(&self, item: u32) -> Duration {
        let set = &self.sets[self.place(item)];
        let known = set.iter().find(|known| known.item == item);
        match known.map_or(0.0, |known| known.stay) {
            0.0 => FIRST,
            stay => Duration::try_from_secs_f32(stay.exp()).unwrap_or(FIRST),
        }
    }

    /// Returns the function that gives the probability that a new item is this one.
    pub(super) fn probability(&self) -> impl Fn(u32) -> f32 + '_ {
        // One more for each item that was seen, spread evenly.
        let items = self.items as f32;
        let (more, scale) = (items / (items + 500.0), 1.0 / (self.total as f32 + items));
        move |item| {
            let set = &self.sets[self.place(item)];
            let known = set.iter().find(|known| known.item == item);
            (known.map_or(0, |known| known.count) as f32 + more) * scale
        }
    }

    /// Returns the number of new items, up to 65,535.
    pub(super) fn seen(&self) -> u16 {
        u16::try_from(self.total).unwrap_or(u16::MAX)
    }

    /// Returns popular items. 0 is none.
    pub(super) fn top(&self) -> [u32; TOP] {
        self.top
    }

    fn note_top(&mut self, item: u32, count: u32) {
        if self.top.contains(&item) {
            return;
        }
        // One place is looked at each time, so the list follows slowly, at a fixed cost.
        let place = self.total as usize % TOP;
        let there = self.top[place];
        let set = &self.sets[self.place(there)];
        let known = set.iter().find(|known| known.item == there);
        if there == 0 || known.is_none_or(|known| known.count < count) {
            self.top[place] = item;
        }
    }

    fn known(&mut self, item: u32) -> &mut Known {
        let place = self.place(item);
        let set = &mut self.sets[place];
        let own = set.iter().position(|known| known.item == item);
        let way = own.unwrap_or_else(|| {
            let least = set.iter().enumerate().min_by_key(|(_, known)| known.count);
            let (way, _) = least.expect("a set has places");
            set[way] = Known {
                item,
                ..Known::default()
            };
            way
        });
        &mut set[way]
    }

    fn place(&self, item: u32) -> usize {
        item.wrapping_mul(0x9e37_79b1).rotate_right(15) as usize & (self.sets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_times_as_many_items_take_no_more_memory_and_leave_the_popular_ones() {
        let mut popular = Popular::new(1_024);
        let bytes = popular.bytes();
        for item in 1..=102_400 {
            popular.add(item + 10);
            popular.add(3);
        }
        assert_eq!(popular.bytes(), bytes);
        assert!(popular.top().contains(&3));
        let probability = popular.probability();
        assert!(probability(3) > 100.0 * probability(17));
    }

    #[test]
    fn the_stay_is_that_of_most_sessions() {
        let mut popular = Popular::new(64);
        assert_eq!(popular.stay(1), FIRST);
        for n in 0..100 {
            let seconds = if n % 10 == 0 { 1_000 } else { 20 };
            popular.stayed(1, Duration::from_secs(seconds));
        }
        let stay = popular.stay(1).as_secs();
        assert!((15..60).contains(&stay), "{stay}");
    }
}
