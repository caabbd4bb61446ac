//! An entry of the table, and its uses.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use scrimp_core::Key;

use super::{Kept, ghosts, rank::Rule, sample::Sample};

/// Bytes of a slot besides key and value: itself, its places in the hash table, two heaps and the
/// ghosts, the room that all of them need to grow, and the count of references to the value.
/// Between two growths it varies.
const OVERHEAD: u64 = 112 + ghosts::BYTES_PER_ENTRY;

/// Largest value of a hit. Larger ones would make the table's age too coarse for all others.
const MOST_VALUE: f64 = 1e9;

/// A value, and how often it was used.
pub(super) struct Slot<V> {
    key: Key,
    value: Arc<V>,
    weight: u64,
    /// Saving of a hit.
    saves: f32,
    uses: AtomicU32,
    /// Bits of the table's age at the last use.
    base: AtomicU64,
}

/// Uses of a key before it gets a new value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) uses: u32,
    /// Age of the table at the last use.
    pub(super) base: f64,
}

// === impl Slot ===

impl<V: Kept> Slot<V> {
    pub(super) fn new(key: Key, value: V, record: Record) -> Self {
        Self {
            weight: Self::weigh(&key, &value),
            saves: saves(&value),
            key,
            value: Arc::new(value),
            uses: AtomicU32::new(record.uses),
            base: AtomicU64::new(record.base.to_bits()),
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

    pub(super) fn uses(&self) -> u32 {
        self.uses.load(Relaxed)
    }

    /// Counts a use at this age of the table. Of two simultaneous uses one may go uncounted.
    #[inline]
    pub(super) fn note(&self, age: f64) {
        self.uses.store(self.uses().saturating_add(1), Relaxed);
        // It changes only when something is evicted.
        if self.base.load(Relaxed) != age.to_bits() {
            self.base.store(age.to_bits(), Relaxed);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.key.as_ref().hash_value()
    }

    /// Returns a request for it, as the contest of rules sees it.
    #[inline]
    pub(super) fn sample(&self) -> Sample {
        Sample::new(self.hash(), self.weight, self.saves)
    }

    pub(super) fn priority(&self, rule: &Rule) -> f64 {
        let record = Record {
            uses: self.uses(),
            base: f64::from_bits(self.base.load(Relaxed)),
        };
        record.priority(rule, self.sample())
    }
}

// === impl Record ===

impl Record {
    /// Returns the priority of an entry with this record.
    pub(super) fn priority(self, rule: &Rule, sample: Sample) -> f64 {
        rule.priority(self.base, self.uses, f64::from(sample.value_per_byte()))
    }
}

/// Returns what a hit of a value saves, as a positive number.
pub(super) fn saves<V: Kept>(value: &V) -> f32 {
    let saves = value.saves();
    let saves = if saves.is_nan() { 0.0 } else { saves };
    saves.clamp(f64::from(f32::MIN_POSITIVE), MOST_VALUE) as f32
}

#[cfg(test)]
mod tests {
    use crate::{
        heap::{End, Rank},
        rank::RULES,
        tests::{Value, key},
    };

    use super::*;

    #[test]
    fn a_use_counts_and_has_the_age_of_the_table() {
        let record = Record { uses: 1, base: 1.0 };
        let slot = Slot::new(key(1), Value(1_000, None), record);
        let per_byte = f64::from(slot.sample().value_per_byte());
        assert_eq!(slot.priority(&RULES[1]), 1.0 + per_byte);
        slot.note(5.0);
        assert_eq!(slot.uses(), 2);
        assert_eq!(slot.priority(&RULES[1]), 5.0 + 2.0 * per_byte);
        slot.note(5.0);
        assert_eq!(slot.priority(&RULES[1]), 5.0 + 3.0 * per_byte);
    }

    #[test]
    fn an_entry_weighs_its_places_in_all_structures_besides_key_and_value() {
        let (key, value) = (key(1), Value(1_000, None));
        let counts = 2 * size_of::<usize>();
        let place = size_of::<u32>();
        let hashed = place + 1;
        let heaps = size_of::<Rank>() + size_of::<End>() + 2 * place;
        let own = size_of::<Slot<Value>>() + counts + hashed + heaps;
        let least = own as u64 + ghosts::BYTES_PER_ENTRY;
        let more = Slot::weigh(&key, &value) - key.heap_size() as u64 - value.weight();
        assert!((least..least + 32).contains(&more), "{more} beside {least}");
    }
}
