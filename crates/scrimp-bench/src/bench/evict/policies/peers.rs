//! Caches of other crates, with one shard and limits in bytes.

use super::{Policy, Request};

/// Assumed weight of an entry, for peers that want a number of entries as a hint.
const USUAL: u64 = 4 << 10;

pub(crate) struct Moka(moka::sync::Cache<u32, u64>);

pub(crate) struct QuickCache(quick_cache::sync::Cache<u32, u64, Weights>);

#[derive(Clone)]
pub(crate) struct Weights;

pub(crate) struct Foyer(foyer_memory::Cache<u32, u64>);

// === impl Moka ===

impl Moka {
    pub(crate) fn new(capacity: u64) -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(capacity)
            .weigher(|_, &weight: &u64| u32::try_from(weight).unwrap_or(u32::MAX))
            .build();
        Self(cache)
    }
}

impl Policy for Moka {
    fn request(&mut self, request: Request) -> bool {
        if self.0.get(&request.key).is_some() {
            return true;
        }
        self.0.insert(request.key, request.weight);
        // Otherwise it would exceed its limit.
        self.0.run_pending_tasks();
        false
    }
}

// === impl QuickCache ===

impl quick_cache::Weighter<u32, u64> for Weights {
    fn weight(&self, _: &u32, weight: &u64) -> u64 {
        *weight
    }
}

impl QuickCache {
    pub(crate) fn new(capacity: u64) -> Self {
        let options = quick_cache::OptionsBuilder::new()
            .weight_capacity(capacity)
            .estimated_items_capacity(usize::try_from(capacity / USUAL).unwrap_or(usize::MAX))
            // Its best number: with more shards large entries do not fit.
            .shards(1)
            .build()
            .expect("both values are given");
        Self(quick_cache::sync::Cache::with_options(
            options,
            Weights,
            quick_cache::DefaultHashBuilder::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ))
    }
}

impl Policy for QuickCache {
    fn request(&mut self, request: Request) -> bool {
        if self.0.get(&request.key).is_some() {
            return true;
        }
        self.0.insert(request.key, request.weight);
        false
    }
}

// === impl Foyer ===

impl Foyer {
    /// Makes a cache with its W-TinyLFU, the best of its policies on most traces.
    pub(crate) fn new(capacity: u64) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        let cache = foyer_memory::CacheBuilder::new(capacity)
            .with_shards(1)
            .with_eviction_config(foyer_memory::LfuConfig::default())
            .with_weighter(|_, weight: &u64| usize::try_from(*weight).unwrap_or(usize::MAX))
            .build();
        Self(cache)
    }
}

impl Policy for Foyer {
    fn request(&mut self, request: Request) -> bool {
        if self.0.get(&request.key).is_some() {
            return true;
        }
        self.0.insert(request.key, request.weight);
        false
    }
}
