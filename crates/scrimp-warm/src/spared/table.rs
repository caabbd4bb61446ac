//! Warmed responses that callers may get.

use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    time::Duration,
};

use hashlink::LruCache;
use http::{HeaderMap, HeaderName, HeaderValue};
use scrimp_core::Totals;
use tokio::time::Instant;

use super::SparedReport;

/// Age is in whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

/// A warmed response.
pub(super) struct Warmed {
    /// End of the call that brought it.
    pub(super) at: Instant,
    pub(super) took: Duration,
    pub(super) cost: Totals,
}

/// A bounded table of warmed responses, and the counts.
pub(super) struct Table {
    responses: LruCache<u64, (Warmed, bool)>,
    hash: RandomState,
    /// Names of fields that select a response.
    pub(super) names: Vec<HeaderName>,
    pub(super) report: SparedReport,
}

// === impl Table ===

impl Table {
    pub(super) fn new(max: usize) -> Self {
        Self {
            responses: LruCache::new(max),
            hash: RandomState::new(),
            names: Vec::new(),
            report: SparedReport::default(),
        }
    }

    pub(super) fn key(&self, identity: &str, headers: &HeaderMap) -> u64 {
        let mut hasher = self.hash.build_hasher();
        identity.hash(&mut hasher);
        for name in &self.names {
            headers
                .get(name)
                .map(HeaderValue::as_bytes)
                .hash(&mut hasher);
        }
        hasher.finish()
    }

    pub(super) fn knows(&self, key: u64) -> bool {
        self.responses.contains_key(&key)
    }

    pub(super) fn note(&mut self, key: u64, warmed: Warmed) {
        self.report.warmed += 1;
        warmed
            .cost
            .iter()
            .for_each(|amount| self.report.cost.add(amount));
        let is_new = !self.responses.contains_key(&key);
        if is_new
            && self.responses.len() >= self.responses.capacity()
            && let Some((_, (_, used))) = self.responses.remove_lru()
        {
            self.report.forgotten += u64::from(!used);
        }
        self.responses.insert(key, (warmed, false));
    }

    /// Counts a hit, if it is on the warmed response and not on a later one.
    pub(super) fn hit(&mut self, key: u64, age: Option<Duration>) {
        let Some((warmed, used)) = self.responses.get_mut(&key) else {
            return;
        };
        let since = warmed.at.elapsed();
        if age.is_some_and(|age| age + ROUNDING < since) {
            // It was fetched again later.
            self.responses.remove(&key);
            return;
        }
        self.report.hits += 1;
        if !std::mem::replace(used, true) {
            self.report.used += 1;
            self.report.waiting += warmed.took;
            let cost = &mut self.report.used_cost;
            warmed.cost.iter().for_each(|amount| cost.add(amount));
        }
    }
}
