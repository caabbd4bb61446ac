//! Fills in progress, and what was removed meanwhile.

use std::{
    collections::HashMap,
    hash::RandomState,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use scrimp_core::Key;

/// Keys that are being filled, each with the number of its round. Callers of one round share its value.
#[derive(Debug, Default)]
pub(crate) struct Fills {
    rounds: Mutex<HashMap<Key, Arc<u64>, RandomState>>,
    next: AtomicU64,
}

/// A caller's part in a round. The round ends with its last caller, or once its value is stored.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    fills: &'a Fills,
    key: Key,
    number: Arc<u64>,
}

// === impl Fills ===

impl Fills {
    /// Joins the round of a key, or begins one.
    pub(crate) fn join(&self, key: &Key) -> Round<'_> {
        let mut rounds = self.rounds.lock();
        let begin = || Arc::new(self.next.fetch_add(1, Relaxed));
        let number = rounds.entry(key.clone()).or_insert_with(begin);
        Round {
            fills: self,
            key: key.clone(),
            number: Arc::clone(number),
        }
    }

    /// Ends the round of a key, and does something before another one can begin: its value is not stored.
    pub(crate) fn end(&self, key: &Key, then: impl FnOnce()) {
        let mut rounds = self.rounds.lock();
        rounds.remove(key);
        then();
    }

    /// Ends all rounds.
    pub(crate) fn end_all(&self, then: impl FnOnce()) {
        let mut rounds = self.rounds.lock();
        rounds.clear();
        then();
    }

    /// Returns the number of keys that are being filled.
    pub(crate) fn len(&self) -> usize {
        self.rounds.lock().len()
    }
}

// === impl Round ===

impl Round<'_> {
    pub(crate) fn number(&self) -> u64 {
        *self.number
    }

    /// Stores the value, unless it was removed since the round began, and ends the round. Returns what
    /// `store` returns.
    pub(crate) fn store<T>(&self, store: impl FnOnce() -> T) -> Option<T> {
        let mut rounds = self.fills.rounds.lock();
        let number = rounds.get(&self.key)?;
        if !Arc::ptr_eq(number, &self.number) {
            return None;
        }
        rounds.remove(&self.key);
        Some(store())
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut rounds = self.fills.rounds.lock();
        let own = |number: &Arc<u64>| Arc::ptr_eq(number, &self.number);
        // This caller and the table hold it.
        if rounds.get(&self.key).is_some_and(own) && Arc::strong_count(&self.number) == 2 {
            rounds.remove(&self.key);
        }
    }
}
