//! A part of the table, behind one lock.

use std::sync::Arc;

use hashbrown::HashTable;
use scrimp_core::{Key, KeyRef};
use tokio::time::Instant;

use super::{Kept, SAMPLE, uses::Uses};

/// Bytes of a slot besides key and value, with its place in the hash table and the room that both
/// need to grow.
const OVERHEAD: u64 = 136;

/// Number of slots below which memory is not given back.
const LEAST_ROOM: usize = 1_024;

/// Slots, found by key.
pub(super) struct Shard<V> {
    /// Index in `slots` of each key.
    index: HashTable<u32>,
    slots: Vec<Slot<V>>,
}

/// A value, and how often it was used.
pub(super) struct Slot<V> {
    key: Key,
    value: Arc<V>,
    weight: u64,
    until: Option<Instant>,
    uses: Uses,
}

// === impl Shard ===

impl<V: Kept> Shard<V> {
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    #[inline]
    pub(super) fn get(&self, key: KeyRef<'_>) -> Option<&Slot<V>> {
        let is_it = |&place: &u32| self.slots[place as usize].key.as_ref() == key;
        let place = self.index.find(key.hash_value(), is_it)?;
        self.slots.get(*place as usize)
    }

    /// Iterates over the values.
    pub(super) fn values(&self) -> impl Iterator<Item = &Arc<V>> {
        self.slots.iter().map(|slot| &slot.value)
    }

    /// Adds a slot whose key is not there.
    pub(super) fn insert(&mut self, slot: Slot<V>) {
        // A shard cannot reach 2³² entries.
        let place = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let hash = slot.key.as_ref().hash_value();
        self.slots.push(slot);
        let slots = &self.slots;
        self.index.insert_unique(hash, place, |&place| {
            slots[place as usize].key.as_ref().hash_value()
        });
    }

    pub(super) fn remove(&mut self, key: KeyRef<'_>) -> Option<Slot<V>> {
        let is_it = |&place: &u32| self.slots[place as usize].key.as_ref() == key;
        let entry = self.index.find_entry(key.hash_value(), is_it).ok()?;
        let (place, _) = entry.remove();
        Some(self.take(place))
    }

    /// Evicts an entry that is worth at most `limit`, from a sample.
    pub(super) fn evict(&mut self, limit: f64, now: Instant, period: u32) -> Option<Slot<V>> {
        let (least, worth) = self.sample(now, period)?;
        if worth > limit {
            return None;
        }
        let hash = self.slots.get(least as usize)?.key.as_ref().hash_value();
        let entry = self.index.find_entry(hash, |&place| place == least).ok()?;
        entry.remove();
        Some(self.take(least))
    }

    /// Returns the least valuable entry of a sample, and its worth.
    fn sample(&self, now: Instant, period: u32) -> Option<(u32, f64)> {
        let length = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let worth = |place: u32| (place, self.slots[place as usize].worth(now, period));
        let lesser = |a: &(u32, f64), b: &(u32, f64)| a.1.total_cmp(&b.1);
        match length {
            0..=SAMPLE => (0..length).map(worth).min_by(lesser),
            _ => (0..SAMPLE)
                .map(|_| worth(fastrand::u32(..length)))
                .min_by(lesser),
        }
    }

    /// Removes a slot that the index no longer has. The last slot takes its place.
    fn take(&mut self, place: u32) -> Slot<V> {
        let last = u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX);
        let slot = self.slots.swap_remove(place as usize);
        if let Some(moved) = self.slots.get(place as usize) {
            let hash = moved.key.as_ref().hash_value();
            if let Some(entry) = self.index.find_mut(hash, |&place| place == last) {
                *entry = place;
            }
        }
        self.shrink();
        slot
    }

    /// Gives memory back that has long been unused: it is no longer counted.
    fn shrink(&mut self) {
        let (used, room) = (self.slots.len(), self.slots.capacity());
        if room > LEAST_ROOM && used < room / 4 {
            self.slots.shrink_to(used * 2);
            let slots = &self.slots;
            self.index.shrink_to(used * 2, |&place| {
                slots[place as usize].key.as_ref().hash_value()
            });
        }
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.slots.capacity().max(self.index.capacity())
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
        }
    }
}

// === impl Slot ===

impl<V: Kept> Slot<V> {
    pub(super) fn new(key: Key, value: V, uses: Uses) -> Self {
        Self {
            weight: Self::weigh(&key, &value),
            until: value.until(),
            key,
            value: Arc::new(value),
            uses,
        }
    }

    /// Returns the weight of a value under a key, in bytes.
    pub(super) fn weigh(key: &Key, value: &V) -> u64 {
        key.heap_size() as u64 + value.weight() + OVERHEAD
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn value(&self) -> &Arc<V> {
        &self.value
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn uses(&self) -> &Uses {
        &self.uses
    }

    pub(super) fn worth(&self, now: Instant, period: u32) -> f64 {
        worth(self.until, self.weight, &self.uses, (now, period))
    }
}

/// Returns the uses per byte. So the values stay that save most calls in the available memory. A
/// value that only saves the upstream from sending a body again saves no call.
pub(super) fn worth(
    until: Option<Instant>,
    weight: u64,
    uses: &Uses,
    (now, period): (Instant, u32),
) -> f64 {
    if until.is_some_and(|until| until <= now) {
        return 0.0;
    }
    // Weights are far below 2⁵³.
    f64::from(uses.count(period)) / weight as f64
}
