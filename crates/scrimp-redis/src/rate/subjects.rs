//! The limits that this process knows.

use std::sync::Arc;

use hashlink::LinkedHashMap;
use scrimp_cache::Codec;
use scrimp_core::{Key, KeyBuf, KeyHashBuilder, RateRule};
use tokio::time::Instant;

use super::subject::Subject;

/// Limits that are looked at to find one that can be forgotten.
const LOOKED_AT: usize = 8;

/// The limits, the least recently used first.
pub(super) struct Subjects {
    all: LinkedHashMap<Key, (Subject, Arc<Place>), KeyHashBuilder>,
    most: usize,
}

/// The name of a limit in Redis.
pub(super) struct Place {
    name: Key,
    pub(super) key: Vec<u8>,
    pub(super) rule: RateRule,
}

// === impl Subjects ===

impl Subjects {
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: LinkedHashMap::with_hasher(KeyHashBuilder),
            most,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns a limit, and opens it if necessary. `None` if there is no room.
    pub(super) fn open(
        &mut self,
        prefix: &str,
        name: &[u8],
        rule: RateRule,
        now: Instant,
    ) -> Option<(&mut Subject, &Arc<Place>)> {
        let mut key = KeyBuf::new();
        // Another rule is another limit.
        key.part(name)
            .part(&rule.each().to_le_bytes())
            .part(&rule.burst().to_le_bytes());
        let key = key.to_key();
        if self.all.to_back(&key).is_none() {
            if self.all.len() >= self.most && !self.make_room(now) {
                return None;
            }
            let digest: String = Codec::name(key.as_ref())[..16]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let place = Arc::new(Place {
                name: key.clone(),
                key: format!("{prefix}:{digest}").into_bytes(),
                rule,
            });
            self.all.insert(key.clone(), (Subject::new(rule), place));
        }
        let (subject, place) = self.all.get_mut(&key)?;
        Some((subject, place))
    }

    /// Acts on a limit that is known.
    pub(super) fn with<T>(
        &mut self,
        place: &Place,
        act: impl FnOnce(&mut Subject) -> T,
    ) -> Option<T> {
        let (subject, _) = self.all.get_mut(&place.name)?;
        Some(act(subject))
    }

    /// Forgets a limit that nothing was taken of, in constant time.
    fn make_room(&mut self, now: Instant) -> bool {
        for _ in 0..LOOKED_AT {
            let Some((key, mut known)) = self.all.pop_front() else {
                return false;
            };
            if known.0.can_be_forgotten(now) {
                return true;
            }
            self.all.insert(key, known);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hundred_times_as_many_limits_as_fit_forget_none_that_is_waited_for() {
        const MOST: usize = 100;
        let (mut subjects, now) = (Subjects::new(MOST), Instant::now());
        let rule = RateRule::new(1_000, 10);
        let (subject, _) = subjects.open("p", b"waits", rule, now).expect("room");
        let asked = subject.take(1, Duration::MAX, now);
        for number in 0..100 * MOST {
            let name = number.to_le_bytes();
            assert!(subjects.open("p", &name, rule, now).is_some(), "{number}");
            assert!(subjects.len() <= MOST);
        }
        let (subject, _) = subjects.open("p", b"waits", rule, now).expect("room");
        assert!(!subject.can_be_forgotten(now));
        drop(asked);
    }
}
