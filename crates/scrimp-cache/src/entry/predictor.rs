//! Keys whose responses are not stored.
//!
//! Storing a response means copying its request before the call begins. For a key whose last
//! response could not be stored, that is probably useless. Such keys are remembered, and their
//! requests are only watched. A wrong guess costs one call: the storable response is not stored,
//! and its key is forgotten.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Maximum number of remembered keys. Two keys that share a slot displace each other.
const SLOTS: usize = 4096;

/// Number of times in a row that a key is only watched. Rules may judge a response differently
/// than watching does, so the full path is taken from time to time.
const USES: u64 = 255;

/// The remembered keys. The memory is allocated with the first key.
#[derive(Debug, Default)]
pub(crate) struct UncacheablePredictor(OnceLock<Box<[Slot]>>);

/// A key's hash, with its last byte replaced by the remaining number of watched uses. A keyed hash
/// of 56 bits identifies the key: a collision is rarer than a broken disk, and costs one call.
#[derive(Debug, Default)]
struct Slot(AtomicU64);

// === impl UncacheablePredictor ===

impl UncacheablePredictor {
    /// Remembers a key by its hash.
    pub(crate) fn note(&self, hash: u64) {
        let slots = self
            .0
            .get_or_init(|| (0..SLOTS).map(|_| Slot::default()).collect());
        if let Some(slot) = slot(slots, hash) {
            slot.0.store(mark(hash) | USES, Ordering::Relaxed);
        }
    }

    /// Reports whether a key is remembered. Each call uses up one of its uses.
    pub(crate) fn takes(&self, hash: u64) -> bool {
        let Some(slot) = self.0.get().and_then(|slots| slot(slots, hash)) else {
            return false;
        };
        let held = slot.0.load(Ordering::Relaxed);
        let left = held & USES;
        if held & !USES != mark(hash) || left == 0 {
            return false;
        }
        // Of two simultaneous calls, one may not be counted.
        slot.0.store(mark(hash) | (left - 1), Ordering::Relaxed);
        true
    }

    /// Forgets a key, if it is remembered.
    pub(crate) fn forget(&self, hash: u64) {
        if let Some(slot) = self.0.get().and_then(|slots| slot(slots, hash))
            && slot.0.load(Ordering::Relaxed) & !USES == mark(hash)
        {
            slot.0.store(0, Ordering::Relaxed);
        }
    }
}

/// Returns the slot of a hash. The lowest byte holds the count, so the bytes above it choose the
/// slot.
fn slot(slots: &[Slot], hash: u64) -> Option<&Slot> {
    slots.get((hash >> 8) as usize % SLOTS)
}

fn mark(hash: u64) -> u64 {
    hash & !USES
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u64 = 0x0123_4567_89ab_cdef;

    #[test]
    fn a_key_is_known_until_it_is_forgotten_or_used_up() {
        let predictor = UncacheablePredictor::default();
        assert!(!predictor.takes(KEY));
        predictor.note(KEY);
        assert!(predictor.takes(KEY));
        predictor.forget(KEY);
        assert!(!predictor.takes(KEY));

        predictor.note(KEY);
        let taken = (0..2 * USES).filter(|_| predictor.takes(KEY)).count();
        assert_eq!(taken as u64, USES);
    }

    #[test]
    fn a_key_is_not_taken_for_one_that_shares_its_slot() {
        let (predictor, other) = (UncacheablePredictor::default(), KEY ^ (1 << 40));
        predictor.note(KEY);
        assert!(!predictor.takes(other));
        predictor.forget(other);
        assert!(predictor.takes(KEY));
        predictor.note(other);
        assert!(predictor.takes(other) && !predictor.takes(KEY));
    }
}
