//! A part of the table, behind one lock.

use std::sync::Arc;

use hashbrown::HashTable;
use scrimp_core::KeyRef;

use super::{
    Kept,
    ghosts::Ghosts,
    grow,
    heap::{End, Heap, Node, Rank},
    rank::Rule,
    slot::Slot,
};

/// Number of slots below which memory is not given back.
const LEAST_ROOM: usize = 1_024;

/// Slots, found by key, by priority and by the end of their time.
pub(super) struct Shard<V> {
    /// Index in `slots` of each key.
    index: HashTable<u32>,
    slots: Vec<Slot<V>>,
    /// Places in `slots` by a priority of some time ago. Uses have raised it since, if anything.
    ranks: Heap<Rank>,
    /// Places in `slots` by the time until which they save calls, in seconds.
    ends: Heap<End>,
    ghosts: Ghosts,
}

/// A limit on what may be evicted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    /// For a new value.
    Newcomer {
        /// An entry of this weight makes enough room by itself, and may go whatever it is worth: a
        /// newcomer gets its chance. Of several, each has to be worth less than the newcomer.
        suffices: u64,
        /// Priority of the newcomer.
        priority: f64,
    },
    /// For memory that is lent: an entry of at most this weight.
    Loan {
        /// The weight.
        heaviest: u64,
    },
}

/// Outcome of an attempt to evict.
pub(super) enum Eviction<V> {
    /// This entry went, and had this priority.
    Gone(Slot<V>, f64),
    /// The time of this entry was over.
    Expired(Slot<V>),
    /// The first entry has been used, and was put in its new place.
    Raised,
    /// The first entry is not within the bound.
    Kept,
    /// The shard is empty.
    Nothing,
}

// === impl Shard ===

impl<V: Kept> Shard<V> {
    #[inline]
    pub(super) fn get(&self, key: KeyRef<'_>) -> Option<&Slot<V>> {
        self.slots.get(self.find(key)? as usize)
    }

    /// Iterates over the slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot<V>> {
        self.slots.iter()
    }

    /// Iterates over the values.
    pub(super) fn values(&self) -> impl Iterator<Item = &Arc<V>> {
        self.slots.iter().map(Slot::value)
    }

    /// Puts a slot, with the end of its time in seconds, and returns the one that it replaces.
    pub(super) fn put(&mut self, slot: Slot<V>, end: f64, rule: &Rule) -> Option<Slot<V>> {
        let hash = slot.hash();
        let replaced = match self.find(slot.key().as_ref()) {
            Some(place) => Some(self.take(place)),
            None => {
                self.ghosts.forget(hash);
                None
            }
        };
        // A shard cannot reach 2³² entries.
        let place = self.slots.len() as u32;
        self.ranks.push(slot.priority(rule));
        self.ends.push(end);
        grow(&mut self.slots);
        self.slots.push(slot);
        let slots = &self.slots;
        self.index
            .insert_unique(hash, place, |&place| slots[place as usize].hash());
        replaced
    }

    /// Removes a slot. Its uses are remembered.
    pub(super) fn remove(&mut self, key: KeyRef<'_>) -> Option<Slot<V>> {
        let place = self.find(key)?;
        Some(self.drop_out(place))
    }

    #[inline]
    fn find(&self, key: KeyRef<'_>) -> Option<u32> {
        let is_it = |&place: &u32| self.slots[place as usize].key().as_ref() == key;
        self.index.find(key.hash_value(), is_it).copied()
    }

    /// Returns how often a key that is not there was used and missed, as far as it is remembered.
    pub(super) fn past_uses(&self, hash: u64) -> u32 {
        self.ghosts.uses(hash)
    }

    /// Remembers the uses of a key that is not admitted.
    pub(super) fn remember(&mut self, hash: u64, uses: u32) {
        self.ghosts.note(hash, uses, self.slots.len());
    }

    /// Evicts the entry whose time was over first, if it is over, or else the one with the least
    /// priority, if it is within the bound. `at_once`: even if it has been used since.
    pub(super) fn evict(
        &mut self,
        now: f64,
        rule: &Rule,
        bound: Bound,
        at_once: bool,
    ) -> Eviction<V> {
        if let Some(slot) = self.expired(now) {
            return Eviction::Expired(slot);
        }
        let Some((place, before)) = self.ranks.least() else {
            return Eviction::Nothing;
        };
        let slot = &self.slots[place as usize];
        let priority = slot.priority(rule);
        if priority > before && !at_once {
            self.ranks.set(place, priority);
            return Eviction::Raised;
        }
        if !bound.allows(slot.weight(), priority) {
            return Eviction::Kept;
        }
        Eviction::Gone(self.drop_out(place), priority.min(before))
    }

    /// Removes the entry whose time was over first, if it is over.
    pub(super) fn expired(&mut self, now: f64) -> Option<Slot<V>> {
        let (place, _) = self.ends.least().filter(|&(_, end)| end <= now)?;
        Some(self.drop_out(place))
    }

    /// Returns the least priority of an entry, and the time that is over first.
    pub(super) fn first(&self) -> (f64, f64) {
        (first(&self.ranks), first(&self.ends))
    }

    /// Removes a slot, and remembers its uses.
    fn drop_out(&mut self, place: u32) -> Slot<V> {
        let slot = self.take(place);
        self.remember(slot.hash(), slot.uses());
        self.shrink();
        slot
    }

    /// Removes a slot. The last slot takes its place.
    fn take(&mut self, place: u32) -> Slot<V> {
        let last = self.slots.len() as u32 - 1;
        self.ranks.swap_remove(place);
        self.ends.swap_remove(place);
        let slot = self.slots.swap_remove(place as usize);
        let hash = slot.hash();
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == place) {
            entry.remove();
        }
        if let Some(moved) = self.slots.get(place as usize)
            && let Some(found) = self.index.find_mut(moved.hash(), |&other| other == last)
        {
            *found = place;
        }
        slot
    }

    /// Gives memory back that has long been unused: it is no longer counted.
    fn shrink(&mut self) {
        let (used, room) = (self.slots.len(), self.slots.capacity());
        if room > LEAST_ROOM && used < room / 4 {
            let kept = used * 2;
            self.slots.shrink_to(kept);
            self.ranks.shrink_to(kept);
            self.ends.shrink_to(kept);
            self.ghosts.shrink_to(kept);
            let slots = &self.slots;
            self.index
                .shrink_to(kept, |&place| slots[place as usize].hash());
        }
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.slots.capacity().max(self.index.capacity())
    }

    /// Returns the number of ghosts.
    #[cfg(test)]
    pub(super) fn ghosts(&self) -> usize {
        self.ghosts.len()
    }

    /// Returns the number of slots that are used more than their place in the heap says.
    #[cfg(test)]
    pub(super) fn unranked(&self, rule: &Rule) -> usize {
        let places = self.slots.iter().enumerate();
        let ranks = places.map(|(place, slot)| (self.ranks.priority(place as u32), slot));
        ranks
            .filter(|(rank, slot)| slot.priority(rule) > *rank)
            .count()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<V>> {
        self.slots.iter()
    }
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            ranks: Heap::default(),
            ends: Heap::default(),
            ghosts: Ghosts::default(),
        }
    }
}

fn first<N: Node>(heap: &Heap<N>) -> f64 {
    heap.least().map_or(f64::INFINITY, |(_, least)| least)
}

// === impl Bound ===

impl Bound {
    fn allows(self, weight: u64, priority: f64) -> bool {
        match self {
            Self::Newcomer {
                suffices,
                priority: least,
            } => weight >= suffices || priority <= least,
            Self::Loan { heaviest } => weight <= heaviest,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        rank::RULES,
        slot::Record,
        tests::{Value, key},
    };

    use super::*;

    fn put(shard: &mut Shard<Value>, names: std::ops::Range<u64>) {
        for name in names {
            let record = Record { uses: 1, base: 0.0 };
            let slot = Slot::new(key(name), Value(1, None), record);
            shard.put(slot, f64::INFINITY, &RULES[0]);
        }
    }

    #[test]
    fn memory_is_given_back_once_three_quarters_are_unused() {
        let mut shard = Shard::default();
        put(&mut shard, 0..4_000);
        shard.remember(7, 1);
        let room = shard.slots.capacity();
        let quarter = room as u64 / 4;
        for name in quarter..4_000 {
            shard.remove(key(name).as_ref());
        }
        assert_eq!(shard.slots.capacity(), room, "a quarter is used");
        let before = (shard.index.capacity(), shard.ghosts.len());
        shard.remove(key(0).as_ref());
        let used = shard.slots.len();
        assert_eq!(used as u64, quarter - 1);
        assert!((2 * used..room).contains(&shard.slots.capacity()));
        assert!((2 * used..before.0).contains(&shard.index.capacity()));
        // Two to four for each entry.
        assert!((4 * used..before.1).contains(&shard.ghosts.len()));
    }

    #[test]
    fn a_small_shard_keeps_its_memory() {
        let mut shard = Shard::default();
        shard.slots.reserve_exact(LEAST_ROOM);
        let room = shard.slots.capacity();
        put(&mut shard, 0..10);
        for name in 0..10 {
            shard.remove(key(name).as_ref());
        }
        assert_eq!(shard.slots.capacity(), room);
    }

    #[test]
    fn what_may_be_evicted_is_bounded() {
        let newcomer = Bound::Newcomer {
            suffices: 100,
            priority: 1.0,
        };
        assert!(newcomer.allows(100, 2.0) && newcomer.allows(99, 1.0));
        assert!(!newcomer.allows(99, 1.1));
        let loan = Bound::Loan { heaviest: 100 };
        assert!(loan.allows(100, 9.0) && !loan.allows(101, 0.0));
    }
}
