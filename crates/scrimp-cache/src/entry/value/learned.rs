//! Values that this process has come across often.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use http::HeaderValue;
use parking_lot::{Mutex, RwLock};

/// Values learned at most. Of up to 96 bytes each, they stay as long as the process lives.
const MOST: usize = 512;

/// Values under observation. Those that differ every time fill this up, and it begins anew;
/// what is common has been seen often enough before that.
const CANDIDATES: usize = 1024;

/// So often a value has to be seen between two beginnings.
const OFTEN: u8 = 16;

/// One response out of this number is looked at.
const ONE_IN: u64 = 8;

/// What has been learned.
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

    /// Whether it is this response's turn to be looked at.
    pub(super) fn is_due(&self) -> bool {
        let number = self.responses.fetch_add(1, Ordering::Relaxed);
        number.is_multiple_of(ONE_IN)
    }

    /// Takes note of a value. Not if another thread is at it: there will be others.
    pub(super) fn note(&self, value: &HeaderValue) {
        let Some(mut candidates) = self.candidates.try_lock() else {
            return;
        };
        // Only what is a static value without a question can become one.
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
