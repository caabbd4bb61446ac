//! The stores of nodes, alone and with a tier that they share.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use scrimp_cache::{
    Entry, FillToken, Lookup, MemoryBudget, MemoryStore, PutOutcome, Store, Tiered, Variants,
};
use scrimp_core::{BoxError, Clock, Key, KeyRef};
use scrimp_demo::support::fleet::{Asked, FleetStore};
use tokio::time::sleep;

use crate::error::Result;

/// Limit above every latency of the shared tier, so that no look-up is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The store of one node.
#[derive(Debug, Clone)]
pub(super) enum NodeStore {
    Alone(MemoryStore),
    Sharing(Tiered<MemoryStore, SharedTier>),
}

/// The tier that the nodes share. A look-up in it takes time.
#[derive(Debug, Clone)]
pub(super) struct SharedTier {
    memory: MemoryStore,
    latency: Duration,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    reads: AtomicU64,
    writes: AtomicU64,
}

type Later<T> = Pin<Box<dyn Future<Output = std::result::Result<T, BoxError>> + Send>>;

// === impl NodeStore ===

impl NodeStore {
    /// Makes the stores of this many nodes.
    pub(super) fn of_fleet(
        nodes: usize,
        max_bytes: u64,
        shared: Option<&SharedTier>,
        clock: &Clock,
    ) -> Result<FleetStore<Self>> {
        let store = |_| {
            let memory = MemoryStore::new(max_bytes);
            let Some(shared) = shared else {
                return Ok(Self::Alone(memory));
            };
            let tiered = Tiered::builder(memory, shared.clone())
                .clock(clock.clone())
                .hard_timeout(PATIENCE)
                .soft_timeout(PATIENCE);
            Ok(Self::Sharing(tiered.build()?))
        };
        let stores: Result<Vec<_>> = (0..nodes).map(store).collect();
        Ok(FleetStore::new(stores?))
    }
}

impl Store for NodeStore {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        match self {
            NodeStore::Sharing(tiered) => tiered.get(key),
            NodeStore::Alone(memory) => match memory.get(key) {
                Lookup::Now(found) => Lookup::Now(found),
                Lookup::Later(get) => Lookup::Later(Box::pin(get)),
            },
        }
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        match self {
            NodeStore::Sharing(tiered) => tiered.put(key, entry, token),
            NodeStore::Alone(memory) => Box::pin(memory.put(key, entry, token)),
        }
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        match self {
            NodeStore::Sharing(tiered) => tiered.remove(key, which),
            NodeStore::Alone(memory) => memory.remove(key, which),
        }
    }

    fn budget(&self) -> &MemoryBudget {
        match self {
            NodeStore::Sharing(tiered) => tiered.budget(),
            NodeStore::Alone(memory) => Store::budget(memory),
        }
    }

    fn max_body(&self) -> u64 {
        match self {
            NodeStore::Sharing(tiered) => tiered.max_body(),
            NodeStore::Alone(memory) => Store::max_body(memory),
        }
    }
}

// === impl SharedTier ===

impl SharedTier {
    pub(super) fn new(max_bytes: u64, latency: Duration) -> Self {
        Self {
            memory: MemoryStore::new(max_bytes),
            latency,
            counts: Arc::default(),
        }
    }

    /// Returns the look-ups and the writes so far.
    pub(super) fn counts(&self) -> (u64, u64) {
        let Counts { reads, writes } = &*self.counts;
        (reads.load(Relaxed), writes.load(Relaxed))
    }

    /// Returns the highest use of memory in bytes, and the number of evicted responses.
    pub(super) fn used(&self) -> (u64, u64) {
        let stats = self.memory.stats();
        (stats.peak_bytes, stats.evicted)
    }
}

impl Store for SharedTier {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = <MemoryStore as Store>::Put;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.counts.reads.fetch_add(1, Relaxed);
        let (memory, latency, key) = (self.memory.clone(), self.latency, key.to_key());
        Lookup::Later(Box::pin(async move {
            sleep(latency).await;
            let found = match memory.get(key.as_ref()) {
                Lookup::Now(found) => found,
                Lookup::Later(get) => get.await?,
            };
            if found.is_some() {
                Asked::note_found();
            }
            Ok(found)
        }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        self.counts.writes.fetch_add(1, Relaxed);
        self.memory.put(key, entry, token)
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.memory.remove(key, which);
    }

    fn budget(&self) -> &MemoryBudget {
        Store::budget(&self.memory)
    }

    fn max_body(&self) -> u64 {
        Store::max_body(&self.memory)
    }
}
