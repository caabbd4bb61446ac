//! Estimate of the keys of a log and their bytes, in bounded memory.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use scrimp_core::Key;

use crate::line::Entry;

/// Most targets that are remembered. If there are more, those with the higher hashes go.
const MAX_TARGETS: usize = 8_192;

/// Assumed bytes of a stored response besides its body.
const OVERHEAD: u64 = 1 << 10;

/// A hasher with the same keys in every process, so that reports of one log are equal.
pub(super) type Fixed = BuildHasherDefault<DefaultHasher>;

/// Samples the targets of a log: those with a hash up to a limit, which falls as they get more.
#[derive(Debug)]
pub(crate) struct Footprint {
    targets: HashMap<u64, u64>,
    /// Number of halvings of the limit so far.
    halvings: u32,
    max_targets: usize,
}

// === impl Footprint ===

impl Default for Footprint {
    fn default() -> Self {
        Self::with(MAX_TARGETS)
    }
}

impl Footprint {
    fn with(max_targets: usize) -> Self {
        Self {
            targets: HashMap::new(),
            halvings: 0,
            max_targets,
        }
    }

    /// Notes a request.
    pub(crate) fn note(&mut self, entry: &Entry) {
        let hash = target_hash(entry);
        if hash > u64::MAX >> self.halvings {
            return;
        }
        let bytes = self.targets.entry(hash).or_default();
        *bytes = entry.bytes.max(*bytes);
        while self.targets.len() > self.max_targets {
            self.halvings += 1;
            let most = u64::MAX >> self.halvings;
            self.targets.retain(|hash, _| *hash <= most);
        }
    }

    /// Returns the number of targets.
    pub(super) fn keys(&self) -> u64 {
        (self.targets.len() as u64) << self.halvings
    }

    /// Returns the bytes of their responses.
    pub(super) fn bytes(&self) -> u64 {
        let each = self
            .targets
            .values()
            .map(|bytes| bytes.saturating_add(OVERHEAD));
        let sum = each.fold(0, u64::saturating_add);
        sum.saturating_mul(1 << self.halvings)
    }
}

/// Returns a hash of host and target.
pub(super) fn target_hash(entry: &Entry) -> u64 {
    Fixed::default().hash_one((&entry.host, &entry.target))
}

/// Returns a hash of a key of the cache that is the same in every process.
pub(crate) fn key_hash(key: &Key) -> u64 {
    Fixed::default().hash_one(key.as_ref().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(number: u64) -> Entry {
        Entry {
            time: 0,
            status: 200,
            bytes: 1_000,
            method: "GET".into(),
            host: "a".into(),
            target: format!("/{number}"),
            user_agent: String::new(),
            client: 0,
            latency: Some(Duration::ZERO),
        }
    }

    #[test]
    fn a_hundred_times_as_many_targets_as_are_kept_are_estimated() {
        let mut footprint = Footprint::with(1_000);
        for number in 0..100_000 {
            footprint.note(&entry(number));
            footprint.note(&entry(number / 2));
            assert!(footprint.targets.len() <= 1_000);
        }
        let keys = footprint.keys();
        assert!((85_000..115_000).contains(&keys), "{keys}");
        assert_eq!(footprint.bytes(), keys * 2_024);
    }
}
