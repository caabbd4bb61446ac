//! The table of a store in memory: which responses stay, which go, and what they weigh.

use std::{sync::Arc, thread::available_parallelism};

use parking_lot::{Mutex, MutexGuard};
use quick_cache::{Lifecycle, OptionsBuilder, Weighter, sync::Cache};
use scrimp_core::{Key, KeyHashBuilder, KeyRef};
use smallvec::SmallVec;

use super::{
    Variants,
    gauge::{Gauge, Tenants},
};

/// What the table keeps per key beside key and value: slot, list node, hash table entry, and
/// its share of the keys remembered after they went.
const OVERHEAD: u64 = 152;

/// What a response is taken to weigh where nothing is known yet.
const USUAL_WEIGHT: u64 = 4 << 10;

/// A shard is not made smaller than this for the sake of having more of them.
const SHARD: u64 = 32 << 20;

/// Shards that a table has even if they become smaller, unless it holds only a few responses.
const MIN_SHARDS: u64 = 4;

/// Changes to different keys seldom wait for each other.
const TURNS: usize = 64;

/// Responses by key, bounded in bytes.
///
/// Responses live in quick_cache: shards of hash table and S3-FIFO, which keeps out what is
/// asked for once. A look-up takes a shard's lock for reading and counts the use in the
/// entry itself; there are no books to be settled later, so what is over the limit is gone
/// when a put returns.
pub(super) struct Table {
    cache: Cache<Key, Arc<Variants>, Weights, KeyHashBuilder, Leaving>,
    /// Changes of one key come one after the other: each looks first.
    turns: Box<[Mutex<()>]>,
    pub(super) gauge: Gauge,
    pub(super) tenants: Tenants,
}

/// What a change makes of the responses under a key.
pub(super) enum Change<T> {
    /// Nothing.
    Keep(T),
    /// These, in their place.
    Put(Variants, T),
    /// None any more.
    Remove(T),
}

/// Why a change was not made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

#[derive(Clone)]
struct Weights;

/// Collects what leaves a shard, so that it is dropped once the shard is unlocked.
#[derive(Clone)]
struct Leaving;

type Left = SmallVec<[(Key, Arc<Variants>); 2]>;

// === impl Table ===

impl Table {
    /// A table for this many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let shards = shards(bytes);
        let options = OptionsBuilder::new()
            .weight_capacity(bytes - bytes % shards)
            .estimated_items_capacity(usize::try_from(bytes / USUAL_WEIGHT).unwrap_or(usize::MAX))
            .shards(usize::try_from(shards).unwrap_or(1))
            .build()
            // Both values that it asks for are there.
            .unwrap_or_else(|error| unreachable!("{error}"));
        Self {
            cache: Cache::with_options(options, Weights, KeyHashBuilder, Leaving),
            turns: (0..TURNS).map(|_| Mutex::new(())).collect(),
            gauge: Gauge::default(),
            tenants: Tenants::unlimited(),
        }
    }

    /// Bytes that it holds at most.
    pub(super) fn capacity(&self) -> u64 {
        self.cache.capacity()
    }

    /// The most that one key may weigh.
    pub(super) fn largest(&self) -> u64 {
        self.cache.shard_capacity() / 4 * 3
    }

    /// Keys with at least one response.
    pub(super) fn len(&self) -> u64 {
        self.cache.len() as u64
    }

    #[inline]
    pub(super) fn get(&self, key: KeyRef<'_>) -> Option<Arc<Variants>> {
        self.cache.get(&key)
    }

    /// Removes a key.
    pub(super) fn remove(&self, key: KeyRef<'_>) {
        if let Some((key, variants)) = self.cache.remove(&key) {
            self.forget(&key, &variants);
        }
    }

    /// Changes what is under a key, knowing what is: nobody else changes it meanwhile, though
    /// it may be thrown out.
    pub(super) fn change<T>(
        &self,
        key: Key,
        decide: impl FnOnce(Option<&Arc<Variants>>) -> Change<T>,
    ) -> Result<T, NoRoom> {
        let _turn = self.turn(key.as_ref());
        let present = self.cache.peek(&key);
        match decide(present.as_ref()) {
            Change::Keep(result) => Ok(result),
            Change::Remove(result) => {
                self.remove(key.as_ref());
                Ok(result)
            }
            Change::Put(variants, result) => {
                let variants = Arc::new(variants);
                match present {
                    Some(present) => self.replace(key, &present, variants),
                    None => self.insert(key, variants),
                }
                .map(|()| result)
            }
        }
    }

    fn replace(
        &self,
        key: Key,
        present: &Arc<Variants>,
        variants: Arc<Variants>,
    ) -> Result<(), NoRoom> {
        let weight = weigh(&key, &variants);
        self.gauge.add(weight);
        let mut left = Left::new();
        // Not counted as a use: whoever asked has been counted when it looked.
        let replaced =
            self.cache
                .replace_with_lifecycle(key, Arc::clone(&variants), true, &mut left);
        if let Err((key, variants)) = replaced {
            // Thrown out a moment ago, or too heavy now to stay.
            self.gauge.subtract(weight);
            left.iter().for_each(|(key, left)| self.evict(key, left));
            return self.insert(key, variants);
        }
        self.settle(&left, &variants, Some(present))
    }

    fn insert(&self, key: Key, variants: Arc<Variants>) -> Result<(), NoRoom> {
        if !self.tenants.take(&key) {
            return Err(NoRoom);
        }
        self.gauge.add(weigh(&key, &variants));
        let mut left = Left::new();
        self.cache
            .insert_with_lifecycle(key, Arc::clone(&variants), &mut left);
        self.settle(&left, &variants, None)
    }

    /// Books what a change has driven out. If that is what was put, there was no room for it.
    fn settle(
        &self,
        left: &Left,
        put: &Arc<Variants>,
        replaced: Option<&Arc<Variants>>,
    ) -> Result<(), NoRoom> {
        let mut outcome = Ok(());
        for (key, variants) in left {
            if replaced.is_some_and(|replaced| Arc::ptr_eq(replaced, variants)) {
                self.gauge.subtract(weigh(key, variants));
            } else if Arc::ptr_eq(put, variants) {
                self.forget(key, variants);
                outcome = Err(NoRoom);
            } else {
                self.evict(key, variants);
            }
        }
        self.gauge.note_peak();
        outcome
    }

    fn evict(&self, key: &Key, variants: &Variants) {
        self.forget(key, variants);
        self.gauge.count_evicted();
    }

    fn forget(&self, key: &Key, variants: &Variants) {
        self.gauge.subtract(weigh(key, variants));
        self.tenants.release(key);
    }

    fn turn(&self, key: KeyRef<'_>) -> MutexGuard<'_, ()> {
        // Bits that the shards are not chosen by, so that one shard's keys have many turns.
        let index = (key.hash_value() >> 8) as usize % self.turns.len();
        self.turns[index].lock()
    }
}

/// A power of two. Few, so that a large body fits into one; as many as there are threads to
/// get into each other's way, where there is room for them.
fn shards(bytes: u64) -> u64 {
    let threads = available_parallelism().map_or(1, |threads| threads.get() as u64);
    let wanted = threads
        .saturating_mul(4)
        .min((bytes / SHARD).max(MIN_SHARDS));
    1 << wanted.max(1).ilog2()
}

fn weigh(key: &Key, variants: &Variants) -> u64 {
    key.heap_size() as u64 + variants.weight() + OVERHEAD
}

// === impl Weights ===

impl Weighter<Key, Arc<Variants>> for Weights {
    fn weight(&self, key: &Key, variants: &Arc<Variants>) -> u64 {
        weigh(key, variants)
    }
}

// === impl Leaving ===

impl Lifecycle<Key, Arc<Variants>> for Leaving {
    type RequestState = Left;

    fn on_evict(&self, left: &mut Left, key: Key, variants: Arc<Variants>) {
        left.push((key, variants));
    }
}
