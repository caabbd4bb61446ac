//! Keys whose answers are not stored.
//!
//! Getting ready to store an answer means copying its request before the call begins. For a
//! key whose last answer could not be stored that is most likely for nothing, so such keys
//! are remembered, and their requests only watched. A wrong guess costs one call: the
//! answer that could have been stored is not, and its key is forgotten here.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Keys remembered at most; two that share a slot displace each other.
const SLOTS: usize = 4096;

/// So often in a row a key is only watched. Rules may see an answer in another light than
/// watching does, so now and then the long way is taken all the same.
const USES: u64 = 255;

/// What remembers the keys. Its memory is taken when the first one comes.
#[derive(Debug, Default)]
pub(crate) struct UncacheablePredictor(OnceLock<Box<[Slot]>>);

/// A key's hash, its last byte replaced by how often it may still be watched. Keys are told
/// apart by 56 bits of a keyed hash: taking one for another is rarer than a broken disk,
/// and costs one call.
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

    /// Whether a key is one of them. Asking uses it up by one.
    pub(crate) fn takes(&self, hash: u64) -> bool {
        let Some(slot) = self.0.get().and_then(|slots| slot(slots, hash)) else {
            return false;
        };
        let held = slot.0.load(Ordering::Relaxed);
        let left = held & USES;
        if held & !USES != mark(hash) || left == 0 {
            return false;
        }
        // If two come at once, one use is not counted.
        slot.0.store(mark(hash) | (left - 1), Ordering::Relaxed);
        true
    }

    /// Forgets a key, if it is there.
    pub(crate) fn forget(&self, hash: u64) {
        if let Some(slot) = self.0.get().and_then(|slots| slot(slots, hash))
            && slot.0.load(Ordering::Relaxed) & !USES == mark(hash)
        {
            slot.0.store(0, Ordering::Relaxed);
        }
    }
}

/// The lowest byte is the count's, so the slot is chosen by those above it.
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
