//! Pool of values that many stored responses have in common.

use std::{hash::RandomState, sync::Arc};

use parking_lot::Mutex;

/// Number of sets. Each has a lock of its own.
const SETS: usize = 16;

/// Number of values in a set.
const WAYS: usize = 4;

/// Values that responses share, found by a hash.
///
/// A value is shared once it was asked for twice. It stays while a response has it, and makes room
/// for another one after that. While all places of a set are taken, other values of the set are not
/// shared. So these are all of the shared values that are in memory, however many kinds there are.
#[derive(Debug)]
pub(super) struct Pool<T> {
    sets: [Mutex<[Place<T>; WAYS]>; SETS],
    hasher: RandomState,
}

#[derive(Debug)]
enum Place<T> {
    Free,
    /// A value with this hash was asked for once.
    Seen(u64),
    Taken(u64, Arc<T>),
}

// === impl Pool ===

impl<T> Pool<T> {
    /// Returns the secret that hashes are made with.
    pub(super) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// Returns the value with this hash for which `is_it` holds, or shares the value that `make`
    /// returns, if there is room.
    pub(super) fn find(
        &self,
        hash: u64,
        is_it: impl Fn(&T) -> bool,
        make: impl FnOnce() -> Option<T>,
    ) -> Option<Arc<T>> {
        let mut set = self.sets[hash as usize % SETS].lock();
        for place in set.iter_mut() {
            match place {
                Place::Taken(known, value) if *known == hash => {
                    return is_it(value).then(|| Arc::clone(value));
                }
                Place::Seen(known) if *known == hash => {
                    let value = Arc::new(make()?);
                    *place = Place::Taken(hash, Arc::clone(&value));
                    return Some(value);
                }
                _ => {}
            }
        }
        let free = set.iter().position(|place| !place.is_in_use())?;
        set[free] = Place::Seen(hash);
        // The next newcomer takes another place.
        set[free..].rotate_left(1);
        None
    }

    /// Forgets the values that no response has.
    pub(super) fn tidy(&self) {
        for set in &self.sets {
            let mut set = set.lock();
            let unused = set.iter_mut().filter(|place| !place.is_in_use());
            unused.for_each(|place| *place = Place::Free);
        }
    }

    /// Returns the number of shared values.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let taken = |place: &&Place<T>| matches!(place, Place::Taken(..));
        let sets = self.sets.iter();
        sets.map(|set| set.lock().iter().filter(taken).count())
            .sum()
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            sets: std::array::from_fn(|_| Mutex::new([const { Place::Free }; WAYS])),
            hasher: RandomState::new(),
        }
    }
}

// === impl Place ===

impl<T> Place<T> {
    /// Returns whether a response has the value.
    fn is_in_use(&self) -> bool {
        match self {
            Self::Free | Self::Seen(_) => false,
            // Further handles are only made under the lock of the set.
            Self::Taken(_, value) => Arc::strong_count(value) > 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pool: &Pool<u64>, value: u64) -> Option<Arc<u64>> {
        pool.find(value, |known| *known == value, || Some(value))
    }

    #[test]
    fn a_value_is_shared_from_the_second_time_on() {
        let pool = Pool::default();
        assert!(find(&pool, 7).is_none());
        let (a, b) = (find(&pool, 7).unwrap(), find(&pool, 7).unwrap());
        assert!(Arc::ptr_eq(&a, &b));
    }

    #[test]
    fn a_hundred_times_as_many_values_as_there_are_places_take_no_more_memory() {
        let pool = Pool::default();
        let mut held = Vec::new();
        for value in 0..100 * (SETS * WAYS) as u64 {
            held.extend(
                [find(&pool, value), find(&pool, value)]
                    .into_iter()
                    .flatten(),
            );
        }
        assert_eq!(pool.len(), SETS * WAYS);
        assert_eq!(held.len(), SETS * WAYS);
        drop(held);
        // They are not in use any more.
        for value in 1_000_000..1_000_100 {
            let _ = find(&pool, value);
            assert!(find(&pool, value).is_some(), "{value}");
        }
        assert!(pool.len() <= SETS * WAYS);
    }

    #[test]
    fn two_values_with_one_hash_are_not_confused() {
        let pool = Pool::default();
        let find = |value: u64| pool.find(1, |known| *known == value, || Some(value));
        assert!(find(1).is_none());
        assert!(find(1).is_some());
        assert!(find(2).is_none());
    }
}
