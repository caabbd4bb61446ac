//! Models that providers do not have.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use hashlink::LruCache;
use tokio::time::Instant;

/// Highest number of pairs of a provider and a model that are remembered.
const MOST: usize = 4_096;
/// Time for which a provider is passed over for a model that it did not have.
const LASTS: Duration = Duration::from_secs(600);

/// Pairs of a provider and a model that the provider does not have.
///
/// A client can name any number of models, so the table is bounded; the pair that was seen least
/// recently goes first. A pair that is gone costs one more call.
#[derive(Debug)]
pub(crate) struct MissingModels {
    until: LruCache<u64, Instant>,
    /// Keyed at random, so that no client can choose names that collide.
    hasher: RandomState,
}

// === impl MissingModels ===

impl MissingModels {
    pub(crate) fn new() -> Self {
        Self {
            until: LruCache::new(MOST),
            hasher: RandomState::new(),
        }
    }

    /// Marks a pair. The provider itself is not marked.
    pub(crate) fn mark(&mut self, provider: &str, model: &str, now: Instant) {
        let pair = self.hasher.hash_one((provider, model));
        self.until.insert(pair, now + LASTS);
    }

    pub(crate) fn has(&mut self, provider: &str, model: &str, now: Instant) -> bool {
        let pair = self.hasher.hash_one((provider, model));
        match self.until.get(&pair) {
            Some(until) if *until > now => true,
            Some(_) => {
                self.until.remove(&pair);
                false
            }
            None => false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// Forgets everything: a provider has changed.
    pub(crate) fn clear(&mut self) {
        self.until.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_models_do_not_fill_the_memory() {
        let mut missing = MissingModels::new();
        let now = Instant::now();
        for n in 0..MOST * 100 {
            missing.mark("a", &n.to_string(), now);
        }
        assert_eq!(missing.until.len(), MOST);
        let last = (MOST * 100 - 1).to_string();
        assert!(missing.has("a", &last, now) && !missing.has("a", "0", now));
        assert!(
            !missing.has("b", &last, now),
            "another provider may have it"
        );
        assert!(
            !missing.has("a", &last, now + LASTS),
            "it may have it by now"
        );
    }
}
