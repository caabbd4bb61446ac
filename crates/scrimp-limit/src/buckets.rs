//! The state of every limit: when it is full again.

use std::{hash::RandomState, sync::Arc};

use governor::{
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use hashlink::LinkedHashMap;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Keys that each new key examines to find one that can be forgotten.
const EXAMINED: usize = 8;

/// Whose limit it is: a hash of the key, or `None` for all requests without one.
pub(crate) type Subject = Option<u64>;

/// The limits by key, in the order of their last use.
///
/// Governor's measure of a limit is the time at which it is full again, in nanoseconds since the
/// start. A limit that is full is the same as a new one, so its key can be forgotten. A limit in
/// use cannot: a client could reset its limit by a flood of other keys.
#[derive(Debug)]
pub(crate) struct Buckets {
    start: Instant,
    /// Of requests without a key.
    common: InMemoryState,
    /// Of new keys while there is no room.
    overflow: InMemoryState,
    keys: Mutex<Keys>,
    most: usize,
}

type Keys = LinkedHashMap<u64, Nanos, RandomState>;

/// Buckets that can be read beside governor, which keeps its store to itself.
#[derive(Debug, Clone)]
pub(crate) struct SharedBuckets(Arc<Buckets>);

// === impl SharedBuckets ===

impl SharedBuckets {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Buckets {
            start: Instant::now(),
            common: InMemoryState::default(),
            overflow: InMemoryState::default(),
            keys: Mutex::new(LinkedHashMap::with_hasher(RandomState::new())),
            most,
        }))
    }

    /// Returns the nanoseconds until the limit of a subject is full again.
    pub(crate) fn until_full(&self, subject: Subject) -> u64 {
        let full = match subject {
            None => read(&self.0.common),
            Some(key) => {
                let known = self.0.keys.lock().get(&key).copied();
                known.unwrap_or_else(|| match self.0.keys.lock().len() < self.0.most {
                    true => Nanos::default(),
                    false => read(&self.0.overflow),
                })
            }
        };
        full.saturating_sub(self.0.now()).as_u64()
    }

    /// Returns the number of known keys.
    pub(crate) fn len(&self) -> usize {
        self.0.keys.lock().len()
    }
}

/// Reads without a change: an error leaves the state as it is.
fn read(state: &InMemoryState) -> Nanos {
    let read = state.measure_and_replace(&NotKeyed::NonKey, |full| {
        Err::<((), Nanos), _>(full.unwrap_or_default())
    });
    read.err().unwrap_or_default()
}

impl StateStore for SharedBuckets {
    type Key = Subject;

    fn measure_and_replace<T, F, E>(&self, subject: &Subject, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let buckets = &self.0;
        let Some(key) = *subject else {
            return buckets
                .common
                .measure_and_replace(&NotKeyed::NonKey, measure);
        };
        let mut keys = buckets.keys.lock();
        if let Some(full) = keys.to_back(&key) {
            let (passed, next) = measure(Some(*full))?;
            *full = next;
            return Ok(passed);
        }
        if !buckets.make_room(&mut keys) {
            drop(keys);
            return buckets
                .overflow
                .measure_and_replace(&NotKeyed::NonKey, measure);
        }
        let (passed, next) = measure(None)?;
        keys.insert(key, next);
        Ok(passed)
    }
}

// === impl Buckets ===

impl Buckets {
    fn now(&self) -> Nanos {
        Nanos::from(Instant::now().saturating_duration_since(self.start))
    }

    /// Forgets a few keys whose limit is full, the longest unused first. Returns whether there is
    /// room for one more.
    fn make_room(&self, keys: &mut Keys) -> bool {
        let now = self.now();
        for _ in 0..EXAMINED {
            match keys.front() {
                Some((_, full)) if *full <= now => drop(keys.pop_front()),
                // One request may be so heavy that its key stays in use for long.
                Some((key, _)) if keys.len() >= self.most => {
                    let key = *key;
                    keys.to_back(&key);
                }
                _ => break,
            }
        }
        keys.len() < self.most
    }
}
