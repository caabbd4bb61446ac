//! A small table of keys alone, which shows how many hits one rule would have.

use hashbrown::HashTable;

use super::{
    ghosts::Ghosts,
    heap::{Heap, Rank},
    rank::Rule,
    sample::Sample,
};

/// Number of priorities that are corrected for one eviction at most.
const STEPS: u32 = 32;

/// Keys that a table with this rule would hold, of a sample of all keys.
#[derive(Debug)]
pub(super) struct Shadow {
    rule: Rule,
    age: f64,
    bytes: f64,
    /// Index in `slots` of each key.
    index: HashTable<u32>,
    slots: Vec<Slot>,
    ranks: Heap<Rank>,
    ghosts: Ghosts,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    base: f64,
    weight: f32,
    value_per_byte: f32,
    uses: u32,
}

// === impl Shadow ===

impl Shadow {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            rule,
            age: 0.0,
            bytes: 0.0,
            index: HashTable::new(),
            slots: Vec::new(),
            ranks: Heap::default(),
            ghosts: Ghosts::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Answers a request, and returns whether it is a hit. Otherwise the key is admitted, if it is
    /// worth it.
    pub(super) fn request(&mut self, sample: Sample, capacity: f64) -> bool {
        let slots = &mut self.slots;
        let is_it = |&place: &u32| slots[place as usize].hash == sample.hash;
        if let Some(&place) = self.index.find(sample.hash, is_it) {
            let slot = &mut slots[place as usize];
            slot.uses = slot.uses.saturating_add(1);
            slot.base = self.age;
            return true;
        }
        let weight = f64::from(sample.weight);
        if weight > capacity {
            return false;
        }
        let slot = Slot {
            hash: sample.hash,
            base: self.age,
            weight: sample.weight,
            value_per_byte: sample.value_per_byte(),
            uses: self.ghosts.uses(sample.hash).saturating_add(1),
        };
        if self.make_room(&slot, capacity) {
            self.insert(slot);
        } else {
            self.age = self.rule.age(self.age, self.priority(&slot));
            self.ghosts.note(slot.hash, slot.uses, self.slots.len());
        }
        false
    }

    /// Removes the keys that are no longer in the sample.
    pub(super) fn retain(&mut self, is_sampled: impl Fn(u64) -> bool) {
        for place in (0..self.slots.len() as u32).rev() {
            if !is_sampled(self.slots[place as usize].hash) {
                self.take(place);
            }
        }
        self.ghosts.shrink_to(self.slots.len());
    }

    fn priority(&self, slot: &Slot) -> f64 {
        let value = f64::from(slot.value_per_byte);
        self.rule.priority(slot.base, slot.uses, value)
    }

    /// Evicts as the table does: see `Bound`.
    fn make_room(&mut self, newcomer: &Slot, capacity: f64) -> bool {
        let least = self.priority(newcomer);
        let mut victims = 0;
        loop {
            let missing = self.bytes + f64::from(newcomer.weight) - capacity;
            let Some((place, priority)) = self.victim().filter(|_| missing > 0.0) else {
                return true;
            };
            let suffices = victims == 0 && f64::from(self.slots[place as usize].weight) >= missing;
            if !suffices && priority > least {
                return false;
            }
            self.age = self.rule.age(self.age, priority);
            let slot = self.take(place);
            self.ghosts.note(slot.hash, slot.uses, self.slots.len());
            victims += 1;
        }
    }

    /// Returns the entry with the least priority.
    fn victim(&mut self) -> Option<(u32, f64)> {
        for _ in 0..STEPS {
            let (place, before) = self.ranks.least()?;
            let priority = self.priority(&self.slots[place as usize]);
            if priority <= before {
                return Some((place, priority));
            }
            self.ranks.set(place, priority);
        }
        self.ranks.least()
    }

    fn insert(&mut self, slot: Slot) {
        self.ghosts.forget(slot.hash);
        self.bytes += f64::from(slot.weight);
        self.ranks.push(self.priority(&slot));
        let place = self.slots.len() as u32;
        self.slots.push(slot);
        let slots = &self.slots;
        let hash = |&place: &u32| slots[place as usize].hash;
        self.index.insert_unique(slot.hash, place, hash);
    }

    fn take(&mut self, place: u32) -> Slot {
        let last = self.slots.len() as u32 - 1;
        self.ranks.swap_remove(place);
        let slot = self.slots.swap_remove(place as usize);
        if let Ok(entry) = self.index.find_entry(slot.hash, |&other| other == place) {
            entry.remove();
        }
        if let Some(moved) = self.slots.get(place as usize)
            && let Some(found) = self.index.find_mut(moved.hash, |&other| other == last)
        {
            *found = place;
        }
        // Weights are whole numbers below 2²⁴ or rounded once, so sums of both signs may differ.
        self.bytes = (self.bytes - f64::from(slot.weight)).max(0.0);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::RULES;

    fn hash(n: u64) -> u64 {
        (n + 1).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29)
    }

    fn hits(rule: usize, keys: impl Iterator<Item = u64>) -> usize {
        let mut shadow = Shadow::new(RULES[rule]);
        keys.filter(|&key| shadow.request(Sample::new(hash(key), 1_000, 1.0), 100_000.0))
            .count()
    }

    #[test]
    fn a_loop_hits_by_the_rule_that_does_not_age() {
        let turns = || (0..20_000).map(|turn| turn % 200);
        assert!(hits(1, turns()) > 9_000, "{}", hits(1, turns()));
        assert!(hits(2, turns()) < 1_000, "{}", hits(2, turns()));
    }

    #[test]
    fn what_is_no_longer_requested_goes_by_the_rules_that_age() {
        // Every thousand requests, other keys are popular.
        let turns = || (0..20_000).map(|turn| turn / 1_000 * 90 + turn % 90);
        assert!(hits(2, turns()) > 16_000, "{}", hits(2, turns()));
        assert!(hits(1, turns()) < 10_000, "{}", hits(1, turns()));
    }

    #[test]
    fn a_key_too_heavy_for_the_shadow_is_not_kept() {
        let mut shadow = Shadow::new(RULES[0]);
        let heavy = Sample::new(1, 2_000, 1.0);
        assert!(!shadow.request(heavy, 1_000.0) && !shadow.request(heavy, 1_000.0));
        assert_eq!(shadow.len(), 0);
    }

    /// Answers this many requests for a key, and returns whether the last one was a hit.
    fn ask(shadow: &mut Shadow, times: u32, key: u64, weight: u64, value: f32) -> bool {
        let sample = Sample::new(hash(key), weight, value);
        (0..times).fold(false, |_, _| shadow.request(sample, 1_000.0))
    }

    #[test]
    fn what_fits_exactly_displaces_nothing() {
        let mut shadow = Shadow::new(RULES[0]);
        assert!(ask(&mut shadow, 2, 1, 1_000, 1.0));
        let mut shadow = Shadow::new(RULES[0]);
        assert!(ask(&mut shadow, 2, 1, 400, 1.0) && ask(&mut shadow, 2, 2, 600, 1.0));
        assert!(ask(&mut shadow, 1, 1, 400, 1.0) && ask(&mut shadow, 1, 2, 600, 1.0));
        // One unit more, and one of them has to go.
        ask(&mut shadow, 1, 3, 1, 1.0);
        assert_eq!(shadow.len(), 2);
    }

    #[test]
    fn a_newcomer_may_displace_one_entry_and_several_only_if_each_is_worth_less() {
        let mut shadow = Shadow::new(RULES[0]);
        ask(&mut shadow, 100, 1, 500, 1.0);
        ask(&mut shadow, 100, 2, 500, 1.0);
        ask(&mut shadow, 1, 3, 501, 1.0);
        assert_eq!(shadow.len(), 2, "both would have to go");
        assert!(ask(&mut shadow, 1, 1, 500, 1.0) && ask(&mut shadow, 1, 2, 500, 1.0));
        assert!(!ask(&mut shadow, 1, 4, 500, 1.0) && ask(&mut shadow, 1, 4, 500, 1.0));
        assert_eq!(shadow.len(), 2, "one has gone");
        // More per byte than each of both.
        assert!(!ask(&mut shadow, 1, 5, 1_000, 1e9) && ask(&mut shadow, 1, 5, 1_000, 1e9));
        assert_eq!(shadow.len(), 1);
    }

    #[test]
    fn one_that_would_suffice_does_not_after_another_has_gone() {
        let mut shadow = Shadow::new(RULES[0]);
        ask(&mut shadow, 1, 1, 400, 0.001);
        ask(&mut shadow, 100, 2, 600, 1.0);
        ask(&mut shadow, 1, 3, 800, 1.0);
        assert!(ask(&mut shadow, 1, 2, 600, 1.0), "it is worth more");
        assert_eq!(shadow.len(), 1);
    }

    #[test]
    fn a_key_that_was_evicted_or_refused_is_remembered_with_its_uses() {
        let mut shadow = Shadow::new(RULES[1]);
        ask(&mut shadow, 3, 1, 1_000, 1.0);
        ask(&mut shadow, 1, 2, 1_000, 1.0);
        assert_eq!(shadow.ghosts.uses(hash(1)), 3, "evicted");
        let mut shadow = Shadow::new(RULES[1]);
        ask(&mut shadow, 100, 1, 500, 1.0);
        ask(&mut shadow, 100, 2, 500, 1.0);
        ask(&mut shadow, 2, 3, 600, 1.0);
        assert_eq!(shadow.ghosts.uses(hash(3)), 2, "refused");
        shadow.retain(|key| key == hash(2));
        assert_eq!((shadow.len(), shadow.bytes), (1, 500.0));
        assert!(ask(&mut shadow, 1, 2, 500, 1.0));
    }

    #[test]
    fn the_age_follows_what_goes_and_what_is_refused() {
        let mut shadow = Shadow::new(RULES[2]);
        ask(&mut shadow, 1, 1, 1_000, 1.0);
        ask(&mut shadow, 1, 2, 1_000, 1.0);
        assert!((shadow.age - 0.001).abs() < 1e-6, "{}", shadow.age);
        ask(&mut shadow, 3, 2, 1_000, 1.0);
        assert!((shadow.slots[0].base - shadow.age).abs() < 1e-12);
        let mut shadow = Shadow::new(RULES[2]);
        ask(&mut shadow, 100, 1, 500, 1.0);
        ask(&mut shadow, 100, 2, 500, 1.0);
        ask(&mut shadow, 1, 3, 1_000, 1.0);
        assert!((shadow.age - 0.001).abs() < 1e-6, "{}", shadow.age);
    }
}
