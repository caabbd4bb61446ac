//! Simple stores over other in-memory caches.

use std::{future::Ready, sync::Arc};

use scrimp_cache::{Entry, FillToken, Lookup, MemoryBudget, PutOutcome, Store, Variants};
use scrimp_core::{BoxError, Key, KeyHashBuilder, KeyRef};

/// Assumed bytes of an entry besides key and value; the same for all.
const OVERHEAD: u64 = 136;

/// A map with a limit in bytes.
pub(super) trait Bounded: Send + Sync + 'static {
    fn new(bytes: u64) -> Self;
    fn get(&self, key: KeyRef<'_>) -> Option<Arc<Variants>>;
    fn insert(&self, key: Key, value: Arc<Variants>);
    fn remove(&self, key: KeyRef<'_>);
}

/// A store on such a map. It is for one thread, so it may check first and change after.
pub(super) struct Foreign<M> {
    map: Arc<M>,
    budget: Arc<MemoryBudget>,
}

pub(super) struct Moka(moka::sync::Cache<Key, Arc<Variants>, KeyHashBuilder>);

pub(super) struct QuickCache(quick_cache::sync::Cache<Key, Arc<Variants>, Weights, KeyHashBuilder>);

#[derive(Clone)]
pub(super) struct Weights;

fn weigh(key: &Key, value: &Variants) -> u64 {
    key.heap_size() as u64 + value.weight() + OVERHEAD
}

// === impl Foreign ===

impl<M: Bounded> Foreign<M> {
    /// Makes a store of entries for this many bytes. Responses on their way come on top, which is in
    /// its favour: in the memory store they count.
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            map: Arc::new(M::new(bytes)),
            budget: Arc::new(MemoryBudget::new(bytes / 8)),
        }
    }
}

impl<M> Clone for Foreign<M> {
    fn clone(&self) -> Self {
        Self {
            map: Arc::clone(&self.map),
            budget: Arc::clone(&self.budget),
        }
    }
}

impl<M: Bounded> Store for Foreign<M> {
    type Get = Ready<Result<Option<Arc<Variants>>, BoxError>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        Lookup::Now(self.map.get(key))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let mut outcome = PutOutcome::Superseded;
        if token.allows(&entry) {
            let present = self.map.get(key.as_ref()).unwrap_or_default();
            self.map.insert(key, Arc::new(present.with(&entry)));
            outcome = PutOutcome::Stored;
        }
        std::future::ready(Ok(outcome))
    }

    fn remove(&self, key: KeyRef<'_>, _: Option<&Arc<Entry>>) {
        self.map.remove(key);
    }

    fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    fn max_body(&self) -> u64 {
        self.budget.limit()
    }
}

// === impl Moka ===

impl Bounded for Moka {
    fn new(bytes: u64) -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(bytes)
            .weigher(|key, value: &Arc<Variants>| {
                u32::try_from(weigh(key, value)).unwrap_or(u32::MAX)
            })
            .build_with_hasher(KeyHashBuilder);
        Self(cache)
    }

    fn get(&self, key: KeyRef<'_>) -> Option<Arc<Variants>> {
        self.0.get(&key)
    }

    fn insert(&self, key: Key, value: Arc<Variants>) {
        self.0.insert(key, value);
        // Otherwise it would exceed its limit.
        self.0.run_pending_tasks();
    }

    fn remove(&self, key: KeyRef<'_>) {
        self.0.invalidate(&key);
    }
}

// === impl QuickCache ===

impl quick_cache::Weighter<Key, Arc<Variants>> for Weights {
    fn weight(&self, key: &Key, value: &Arc<Variants>) -> u64 {
        weigh(key, value)
    }
}

impl Bounded for QuickCache {
    fn new(bytes: u64) -> Self {
        let options = quick_cache::OptionsBuilder::new()
            .weight_capacity(bytes)
            .estimated_items_capacity(usize::try_from(bytes >> 12).unwrap_or(usize::MAX))
            // Its best number: with more shards large bodies do not fit.
            .shards(1)
            .build()
            .expect("both values are given");
        Self(quick_cache::sync::Cache::with_options(
            options,
            Weights,
            KeyHashBuilder,
            quick_cache::sync::DefaultLifecycle::default(),
        ))
    }

    fn get(&self, key: KeyRef<'_>) -> Option<Arc<Variants>> {
        self.0.get(&key)
    }

    fn insert(&self, key: Key, value: Arc<Variants>) {
        self.0.insert(key, value);
    }

    fn remove(&self, key: KeyRef<'_>) {
        self.0.remove(&key);
    }
}
