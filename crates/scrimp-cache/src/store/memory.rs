//! The store in memory, on moka.

use std::{
    fmt,
    future::Ready,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use moka::{notification::RemovalCause, ops::compute::Op, sync::Cache};
use scrimp_core::{BoxError, Key, KeyHashBuilder, KeyRef};

use super::{
    Budget, Entry, FillToken, Lookup, PutOutcome, Store, Variants,
    gauge::{Gauge, Tenants},
};

/// Share of the memory that answers still coming in may take: one part in so many.
const FILL_SHARE: u64 = 8;

/// What moka keeps per key beside key and value: hash table slot, two list nodes, counters.
const OVERHEAD: u64 = 264;

/// moka settles its books in batches. Once this part of the capacity has been put since the
/// last time, they are settled at once, so that large bodies cannot pile up in between.
const SETTLE_SHARE: u64 = 32;

/// They are settled after so many puts too. A put happens once a body has passed, when nobody
/// waits for it; left alone, moka would remove what has to go in some later look-up, for
/// which a caller waits.
const SETTLE_PUTS: u64 = 16;

/// Keeps responses in memory, bounded by bytes.
///
/// Keys, header fields, bodies, bookkeeping and answers that are still coming in all count.
/// One eighth of the limit is set aside for the last. What is used most stays
/// (W-TinyLFU); cloning gives another handle on the same memory.
#[derive(Clone)]
pub struct MemoryStore(Arc<Inner>);

struct Inner {
    cache: Cache<Key, Arc<Variants>, KeyHashBuilder>,
    budget: Budget,
    gauge: Arc<Gauge>,
    tenants: Arc<Tenants>,
    settle_every: u64,
    max_body: AtomicU64,
}

/// What a [`MemoryStore`] holds, read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StoreStats {
    /// Keys with at least one response.
    pub entries: u64,
    /// Bytes held by them.
    pub bytes: u64,
    /// The most that `bytes` has been.
    pub peak_bytes: u64,
    /// Bytes held by answers that are still coming in.
    pub fill_bytes: u64,
    /// Keys removed to make room.
    pub evicted: u64,
}

// === impl MemoryStore ===

impl MemoryStore {
    /// A store that holds at most `max_bytes`.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let for_fills = max_bytes / FILL_SHARE;
        let for_entries = max_bytes - for_fills;
        let gauge = Arc::new(Gauge::default());
        let tenants = Arc::new(Tenants::unlimited());
        let (heard, counted) = (Arc::clone(&gauge), Arc::clone(&tenants));
        let cache = Cache::builder()
            .max_capacity(for_entries)
            .weigher(|key: &Key, value: &Arc<Variants>| {
                // A weight past 4 GiB could only be refused; `max_body` sees to that.
                u32::try_from(weigh(key, value)).unwrap_or(u32::MAX)
            })
            .eviction_listener(move |key: Arc<Key>, value: Arc<Variants>, cause| {
                heard
                    .bytes
                    .fetch_sub(weigh(&key, &value), Ordering::Relaxed);
                if cause != RemovalCause::Replaced {
                    counted.release(&key);
                }
                if cause == RemovalCause::Size {
                    heard.evicted.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build_with_hasher(KeyHashBuilder);
        Self(Arc::new(Inner {
            cache,
            budget: Budget::new(for_fills),
            gauge,
            tenants,
            settle_every: (for_entries / SETTLE_SHARE).max(1),
            max_body: AtomicU64::new(for_fills.min(u64::from(u32::MAX / 2))),
        }))
    }

    /// Keeps no body larger than `bytes`. Without this call the limit is one eighth of the
    /// store; it cannot be raised past that, as a body has to fit while it comes in.
    #[must_use]
    pub fn max_body(self, bytes: u64) -> Self {
        self.0.max_body.fetch_min(bytes, Ordering::Relaxed);
        self
    }

    /// Keeps at most so many keys for each [`Tenant`](scrimp_core::extensions::Tenant), so
    /// that one cannot crowd out the others. A key past that is not kept until one of the
    /// tenant's others is gone. To be set before the store is used; default: no limit.
    #[must_use]
    pub fn max_keys_per_tenant(self, keys: u64) -> Self {
        self.0.tenants.limit_to(keys);
        self
    }

    /// Largest body that is kept, in bytes.
    #[must_use]
    pub fn max_body_size(&self) -> u64 {
        self.0.max_body.load(Ordering::Relaxed)
    }

    /// What the store holds now.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.0.cache.run_pending_tasks();
        let gauge = &self.0.gauge;
        StoreStats {
            entries: self.0.cache.entry_count(),
            bytes: gauge.bytes.load(Ordering::Relaxed),
            peak_bytes: gauge.peak.load(Ordering::Relaxed),
            fill_bytes: self.0.budget.used(),
            evicted: gauge.evicted.load(Ordering::Relaxed),
        }
    }

    fn put_now(&self, key: Key, entry: &Arc<Entry>, token: &FillToken) -> PutOutcome {
        let inner = &*self.0;
        let mut outcome = PutOutcome::Stored;
        let mut added = 0;
        let owned = key.clone();
        inner.cache.entry(key).and_compute_with(|present| {
            let present = present.map(moka::Entry::into_value);
            outcome = match &present {
                _ if !token.allows(entry) => PutOutcome::Superseded,
                Some(present) if present.outdates(entry, token) => PutOutcome::Superseded,
                None if !inner.tenants.take(&owned) => PutOutcome::Rejected,
                _ => PutOutcome::Stored,
            };
            if outcome != PutOutcome::Stored {
                return Op::Nop;
            }
            let variants = present.map_or_else(
                || Variants::default().with(entry),
                |present| present.with(entry),
            );
            added = weigh(&owned, &variants);
            // Counted before moka can report the removal.
            inner.gauge.bytes.fetch_add(added, Ordering::Relaxed);
            Op::Put(Arc::new(variants))
        });
        if outcome != PutOutcome::Stored {
            return outcome;
        }
        inner.gauge.note_peak();
        let unsettled = inner.gauge.unsettled.fetch_add(added, Ordering::Relaxed) + added;
        let puts = inner.gauge.unsettled_puts.fetch_add(1, Ordering::Relaxed) + 1;
        if unsettled >= inner.settle_every || puts >= SETTLE_PUTS {
            inner.gauge.unsettled.store(0, Ordering::Relaxed);
            inner.gauge.unsettled_puts.store(0, Ordering::Relaxed);
            inner.cache.run_pending_tasks();
        }
        PutOutcome::Stored
    }
}

fn weigh(key: &Key, variants: &Variants) -> u64 {
    key.heap_size() as u64 + variants.weight() + OVERHEAD
}

impl Store for MemoryStore {
    type Get = Ready<Result<Option<Arc<Variants>>, BoxError>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        Lookup::Now(self.0.cache.get(&key))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        std::future::ready(Ok(self.put_now(key, &entry, &token)))
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        let Some(which) = which else {
            self.0.cache.invalidate(&key);
            return;
        };
        let owned = key.to_key();
        self.0
            .cache
            .entry(owned.clone())
            .and_compute_with(|present| match present {
                None => Op::Nop,
                Some(present) => match present.value().without(which) {
                    Some(rest) => {
                        let bytes = weigh(&owned, &rest);
                        self.0.gauge.bytes.fetch_add(bytes, Ordering::Relaxed);
                        Op::Put(Arc::new(rest))
                    }
                    None => Op::Remove,
                },
            });
    }

    fn budget(&self) -> &Budget {
        &self.0.budget
    }

    fn max_body(&self) -> u64 {
        self.max_body_size()
    }

    fn stats(&self) -> StoreStats {
        Self::stats(self)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("max_entry_bytes", &self.0.cache.policy().max_capacity())
            .field("max_fill_bytes", &self.0.budget.limit())
            .field("max_body", &self.max_body_size())
            .finish_non_exhaustive()
    }
}
