//! The keys that have several variants, as far as this process knows.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Number of keys that are remembered: a newer one takes the place of an older one.
const PLACES: usize = 4096;

/// Remembers which keys have several variants. Such a key is read as a hash at once; otherwise the
/// server first has to answer that it is no string.
pub(super) struct Several(Box<[AtomicU64]>);

// === impl Several ===

impl Several {
    /// Returns whether a key had several variants when it was last read. `name` is its digest.
    pub(super) fn has(&self, name: &[u8; 32]) -> bool {
        let (place, own) = self.place(name);
        place.load(Relaxed) == own
    }

    /// Notes whether a key has several variants.
    pub(super) fn note(&self, name: &[u8; 32], several: bool) {
        let (place, own) = self.place(name);
        match several {
            true => place.store(own, Relaxed),
            false => {
                let _ = place.compare_exchange(own, 0, Relaxed, Relaxed);
            }
        }
    }

    fn place(&self, name: &[u8; 32]) -> (&AtomicU64, u64) {
        let [index, own] = [0, 8].map(|at| {
            let part = name[at..at + 8].try_into();
            u64::from_le_bytes(part.expect("eight bytes of 32"))
        });
        // Zero is an empty place.
        (&self.0[index as usize % PLACES], own | 1)
    }
}

impl Default for Several {
    fn default() -> Self {
        Self(
            std::iter::repeat_with(AtomicU64::default)
                .take(PLACES)
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_until_it_has_one_variant_or_another_key_takes_its_place() {
        let several = Several::default();
        let (one, mut other) = ([7; 32], [7; 32]);
        other[8] = 1;
        assert!(!several.has(&one));
        several.note(&one, true);
        assert!(several.has(&one) && !several.has(&other));
        several.note(&other, false);
        assert!(several.has(&one));
        several.note(&other, true);
        assert!(several.has(&other) && !several.has(&one));
        several.note(&other, false);
        assert!(!several.has(&other));
    }

    #[test]
    fn a_hundred_times_as_many_keys_take_no_more_room() {
        let several = Several::default();
        for number in 0..100 * PLACES as u64 {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&number.to_le_bytes());
            name[8..16].copy_from_slice(&number.to_le_bytes());
            several.note(&name, true);
            assert!(several.has(&name));
        }
        assert_eq!(several.0.len(), PLACES);
    }
}
