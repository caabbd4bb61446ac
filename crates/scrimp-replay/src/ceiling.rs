//! Highest hit rate of a trace: that of a cache of any size in which nothing expires.
//!
//! Exact, in bounded memory. The state of a key is a pair of numbers that can be joined with the
//! pair of a later part of the trace. Keys that do not fit in memory are spilled in sorted runs
//! and joined by a merge.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
};

use scrimp_core::KeyHashBuilder;

use crate::{
    error::Result,
    sort::{Arena, Runs},
};

/// Highest number of keys in memory: about 40 MB.
const MAX_KEYS: usize = 900_000;

/// Bytes of a hashed key.
const KEY: usize = 16;

/// Counts the requests that an infinite cache would answer.
#[derive(Debug)]
pub(crate) struct Ceiling {
    keys: Keys,
    max_keys: usize,
    runs: Runs<KEY>,
}

/// The requests of each key, by its two hashes. The first one is keyed, and is not hashed again.
type Keys = HashMap<Hashes, Requests, KeyHashBuilder>;

/// Two 64-bit hashes of a key, of which the first is keyed: no two keys of any real trace share
/// both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hashes(pub(crate) u64, pub(crate) u64);

/// Result of an infinite cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Best {
    /// Requests it would have answered.
    pub(crate) hits: u64,
    /// Different keys among the requests that a cache may answer.
    pub(crate) keys: u64,
}

/// The requests for one key in a part of the trace.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    count: u64,
    /// Number of requests up to and including the first one with a storable response; zero if
    /// there is none.
    stored_at: u64,
}

// === impl Ceiling ===

impl Ceiling {
    pub(crate) fn new() -> Self {
        Self::with_max_keys(MAX_KEYS)
    }

    fn with_max_keys(max_keys: usize) -> Self {
        Self {
            keys: Keys::default(),
            max_keys,
            runs: Runs::default(),
        }
    }

    /// Counts a request that a stored response for `key` would satisfy. `storable` says whether
    /// its own response may be stored.
    pub(crate) fn request(&mut self, key: Hashes, storable: bool) -> Result<()> {
        let seen = Requests {
            count: 1,
            stored_at: u64::from(storable),
        };
        let known = self.keys.entry(key).or_default();
        *known = known.then(seen);
        if self.keys.len() >= self.max_keys {
            let mut arena = drain(&mut self.keys);
            self.runs.spill(&mut arena)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Best> {
        let mut best = Best::default();
        let mut open: Option<([u8; KEY], Requests)> = None;
        let mut merge = self.runs.merge(drain(&mut self.keys))?;
        while let Some((key, part)) = merge.next()?.and_then(Requests::decode) {
            open = match open {
                Some((current, known)) if current == key => Some((key, known.then(part))),
                closed => {
                    best.add(closed);
                    Some((key, part))
                }
            };
        }
        best.add(open);
        Ok(best)
    }
}

/// Returns the sorted records of all keys.
fn drain(keys: &mut Keys) -> Arena {
    let mut arena = Arena::default();
    for (key, known) in keys.drain() {
        arena.push(|out| {
            out.extend_from_slice(&key.0.to_be_bytes());
            out.extend_from_slice(&key.1.to_be_bytes());
            out.extend_from_slice(&known.count.to_le_bytes());
            out.extend_from_slice(&known.stored_at.to_le_bytes());
        });
    }
    arena.sort(KEY);
    arena
}

// === impl Hashes ===

impl Hash for Hashes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

// === impl Requests, Best ===

impl Requests {
    /// Returns the state of this part followed by `later`.
    fn then(self, later: Self) -> Self {
        let stored_at = match (self.stored_at, later.stored_at) {
            (0, 0) => 0,
            (0, at) => self.count + at,
            (at, _) => at,
        };
        Self {
            count: self.count + later.count,
            stored_at,
        }
    }

    fn decode(record: &[u8]) -> Option<([u8; KEY], Self)> {
        let (key, rest) = record.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let stored_at = rest.first_chunk()?;
        let requests = Self {
            count: u64::from_le_bytes(*count),
            stored_at: u64::from_le_bytes(*stored_at),
        };
        Some((*key, requests))
    }
}

impl Best {
    fn add(&mut self, closed: Option<([u8; KEY], Requests)>) {
        if let Some((_, requests)) = closed {
            self.keys += 1;
            if requests.stored_at > 0 {
                self.hits += requests.count - requests.stored_at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn count(requests: &[(u8, bool)], max_keys: usize) -> Best {
        let mut ceiling = Ceiling::with_max_keys(max_keys);
        for &(key, storable) in requests {
            ceiling
                .request(Hashes(u64::from(key) % 3, key.into()), storable)
                .unwrap();
        }
        ceiling.finish().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn spilling_changes_nothing(
            requests in prop::collection::vec((0u8..20, any::<bool>()), 0..400),
            max_keys in 1usize..30,
        ) {
            let mut stored = HashSet::new();
            let hits = requests
                .iter()
                .filter(|&&(key, storable)| {
                    let hit = stored.contains(&key);
                    if storable { stored.insert(key); }
                    hit
                })
                .count() as u64;
            let keys = requests.iter().map(|(key, _)| key).collect::<HashSet<_>>().len() as u64;
            prop_assert_eq!(count(&requests, max_keys), Best { hits, keys });
        }
    }
}
