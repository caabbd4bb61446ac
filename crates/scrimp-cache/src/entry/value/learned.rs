//! Field values that this process has seen often.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use http::HeaderValue;
use parking_lot::{Mutex, RwLock};

/// Maximum number of learned values, of up to 96 bytes each. They live as long as the process.
const MOST: usize = 512;

/// Number of values under observation. Unique values fill the table, and then it is cleared; a
/// common value has been seen often enough by then.
const CANDIDATES: usize = 1024;

/// Number of times a value has to be seen before the table is cleared.
const OFTEN: u8 = 16;

/// Divisor of the sample: one response out of this number is observed.
const ONE_IN: u64 = 8;

/// The learned values.
pub(super) static LEARNED: LazyLock<Learned> = LazyLock::new(Learned::default);

#[derive(Debug, Default)]
pub(super) struct Learned {
    values: RwLock<HashSet<&'static str>>,
    candidates: Mutex<HashMap<Box<[u8]>, u8>>,
    responses: AtomicU64,
}

// === impl Learned ===

impl Learned {
    pub(super) fn find(&self, value: &HeaderValue) -> Option<&'static str> {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        self.values.read().get(text).copied()
    }

    /// Reports whether this response is part of the sample.
    pub(super) fn is_due(&self) -> bool {
        let number = self.responses.fetch_add(1, Ordering::Relaxed);
        number.is_multiple_of(ONE_IN)
    }

    /// Counts a value. Does nothing if another thread holds the lock: there are more samples.
    pub(super) fn note(&self, value: &HeaderValue) {
        let Some(mut candidates) = self.candidates.try_lock() else {
            return;
        };
        // Only a value that is certainly valid as a static value can become one.
        let Ok(text) = value.to_str() else { return };
        match candidates.get_mut(text.as_bytes()) {
            Some(seen) if *seen < OFTEN => *seen += 1,
            Some(_) => {
                candidates.remove(text.as_bytes());
                self.keep(text);
            }
            None => {
                if candidates.len() == CANDIDATES {
                    candidates.clear();
                }
                candidates.insert(text.as_bytes().into(), 1);
            }
        }
    }

    fn keep(&self, text: &str) {
        let mut values = self.values.write();
        if values.len() < MOST && !values.contains(text) {
            values.insert(String::from(text).leak());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).unwrap()
    }

    #[test]
    fn a_common_value_is_learned_among_any_number_of_others() {
        let learned = Learned::default();
        for number in 0..100_000 {
            learned.note(&value(&format!("one of many: {number}")));
            if number % 8 == 0 {
                learned.note(&value("common"));
            }
        }
        assert_eq!(learned.find(&value("common")), Some("common"));
        assert_eq!(learned.values.read().len(), 1);
        assert!(learned.candidates.lock().len() <= CANDIDATES);
    }

    #[test]
    fn what_is_learned_has_an_end() {
        let learned = Learned::default();
        for number in 0..2 * MOST {
            for _ in 0..=OFTEN + 1 {
                learned.note(&value(&format!("{number}")));
            }
        }
        assert_eq!(learned.values.read().len(), MOST);
        assert_eq!(learned.find(&value("0")), Some("0"));
    }
}
