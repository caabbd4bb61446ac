//! Counts of targets in bounded memory.

use std::{collections::HashMap, time::Duration};

use scrimp_core::Money;

use super::RankedTarget;

/// Most targets that are counted at a time, and the bytes of their names.
const MAX_TARGETS: usize = 500_000;
const MAX_BYTES: usize = 128 << 20;

/// Counts of targets. If there are too many, the lighter half is forgotten, and the weight at the border is
/// taken from the others (Misra and Gries, in the form of Agarwal and others, "Mergeable summaries", 2012):
/// a target with a larger part of the whole weight than one in half of the limit is never lost.
pub(super) struct Tally {
    counts: HashMap<Box<str>, Count>,
    bytes: usize,
    limits: (usize, usize),
    pruned: bool,
}

#[derive(Default)]
struct Count {
    /// Weight less what was taken from it.
    weight: u64,
    requests: u64,
    time: Duration,
    /// Length of the host in the name.
    host: usize,
}

// === impl Tally ===

impl Default for Tally {
    fn default() -> Self {
        Self::with_limits(MAX_TARGETS, MAX_BYTES)
    }
}

impl Tally {
    pub(super) fn with_limits(targets: usize, bytes: usize) -> Self {
        Self {
            counts: HashMap::new(),
            bytes: 0,
            limits: (targets, bytes),
            pruned: false,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn is_pruned(&self) -> bool {
        self.pruned
    }

    pub(super) fn add(&mut self, host: &str, target: &str, weight: u64, time: Duration) {
        let name = format!("{host}{target}");
        if let Some(count) = self.counts.get_mut(&*name) {
            count.add(weight, time);
            return;
        }
        while self.counts.len() >= self.limits.0 || self.bytes + name.len() > self.limits.1 {
            if self.counts.is_empty() {
                return;
            }
            self.prune();
        }
        self.bytes += name.len();
        let mut count = Count {
            host: host.len(),
            ..Count::default()
        };
        count.add(weight, time);
        self.counts.insert(name.into(), count);
    }

    /// Forgets at least half of the targets: each time, as many were added before.
    fn prune(&mut self) {
        self.pruned = true;
        let mut weights: Vec<_> = self.counts.values().map(|count| count.weight).collect();
        let middle = weights.len() / 2;
        let (_, &mut border, _) = weights.select_nth_unstable(middle);
        self.counts.retain(|_, count| {
            count.weight = count.weight.saturating_sub(border);
            count.weight > 0
        });
        self.bytes = self.counts.keys().map(|name| name.len()).sum();
    }

    /// Returns the heaviest targets.
    pub(super) fn into_targets(self, price: Money, most: usize) -> Vec<RankedTarget> {
        let mut all: Vec<_> = self.counts.into_iter().collect();
        // By name where the weight is equal, so that the order is always the same.
        all.sort_unstable_by(|(a, one), (b, other)| {
            other.weight.cmp(&one.weight).then_with(|| a.cmp(b))
        });
        all.truncate(most);
        let target = |(name, count): (Box<str>, Count)| RankedTarget {
            host: name[..count.host].to_owned(),
            target: name[count.host..].to_owned(),
            requests: count.requests,
            time: count.time,
            cost: price * count.requests,
        };
        all.into_iter().map(target).collect()
    }
}

// === impl Count ===

impl Count {
    fn add(&mut self, weight: u64, time: Duration) {
        self.weight = self.weight.saturating_add(weight);
        self.requests += 1;
        self.time = self.time.saturating_add(time);
    }
}
