//! A concurrent table in memory, bounded in bytes, that evicts the least valuable values.
//!
//! It is the memory store of `scrimp-cache`, and knows nothing of HTTP. Values are of any type
//! that reports its weight ([`Kept`]), under keys of [`scrimp_core`].
//!
//! ```
//! use std::time::Instant;
//!
//! use scrimp_core::KeyBuf;
//! use scrimp_table::{Change, Kept, Table};
//!
//! struct Page(String);
//!
//! impl Kept for Page {
//!     fn weight(&self) -> u64 {
//!         self.0.len() as u64
//!     }
//!
//!     fn until(&self) -> Option<tokio::time::Instant> {
//!         None
//!     }
//! }
//!
//! let table = Table::new(1 << 20, u64::MAX);
//! let mut key = KeyBuf::new();
//! key.part(b"a tenant").part(b"/index.html");
//! let page = || Page("Hello".into());
//! let now = Instant::now().into();
//! assert!(table.change(key.to_key(), now, |_| Change::Put(page(), ())).is_ok());
//! assert_eq!(table.get(key.as_ref()).unwrap().0, "Hello");
//! assert_eq!(table.stats().entries, 1);
//! ```
//!
//! # How it works
//!
//! The table consists of shards, each a hash table, with one limit in bytes together. A look-up
//! locks a shard for reading and notes the use in the entry itself, so there is no queue of uses
//! to process later. When a put returns, the table is within its limit.
//!
//! It is a table of our own, because the choice of evicted values decides how many calls are
//! saved. Look-ups in moka cost a hundred nanoseconds more, for a queue of uses. quick_cache
//! evicts by the clock algorithm alone, and ignores sizes. `docs/performance.md` in the repository
//! compares both.

mod claim;
mod gauge;
mod shard;
mod uses;

use std::{fmt, sync::Arc, thread::available_parallelism};

use parking_lot::RwLock;
use scrimp_core::{Key, KeyRef};
use tokio::time::Instant;

use self::{
    claim::{Attempt, Claim},
    gauge::{Gauge, Tenants},
    shard::{Shard, Slot},
    uses::{Misses, Periods},
};

/// Assumed weight of a response while nothing is known.
const USUAL_WEIGHT: u64 = 4 << 10;

/// Smallest part of a store that is worth its own lock.
const SHARD: u64 = 4 << 20;

/// Number of entries that are sampled to find one to evict. Among sixteen, one of the least
/// valuable twelfth is found three times out of four.
const SAMPLE: u32 = 16;

/// A table of values by key, bounded in bytes.
pub struct Table<V> {
    shards: Box<[RwLock<Shard<V>>]>,
    capacity: u64,
    periods: Periods,
    misses: Misses,
    gauge: Gauge,
    tenants: Tenants,
}

/// A value that a table keeps.
pub trait Kept {
    /// Returns its weight in bytes.
    fn weight(&self) -> u64;

    /// Returns the time until which it saves calls. `None`: without end.
    fn until(&self) -> Option<Instant>;
}

/// Change of the value under a key.
#[derive(Debug)]
pub enum Change<V, T> {
    /// The value stays.
    Keep(T),
    /// This value takes its place.
    Put(V, T),
    /// The value is removed.
    Remove(T),
}

/// Error of a change that was not made. The old value is still there.
#[derive(Debug, PartialEq, Eq)]
pub struct NoRoom(Option<Key>);

/// Counters of a table at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TableStats {
    /// Keys with a value.
    pub entries: u64,
    /// Bytes held by them.
    pub bytes: u64,
    /// Highest value that `bytes` has reached.
    pub peak_bytes: u64,
    /// Keys removed to make room.
    pub evicted: u64,
}

// === impl Table ===

impl<V: Kept> Table<V> {
    /// Returns a table for this many bytes, and this many keys per tenant (the first part of a
    /// key). With `u64::MAX`, tenants are not counted.
    #[must_use]
    pub fn new(capacity: u64, max_keys_per_tenant: u64) -> Self {
        Self {
            shards: (0..shards(capacity)).map(|_| RwLock::default()).collect(),
            capacity,
            periods: Periods::default(),
            misses: Misses::new(capacity / USUAL_WEIGHT),
            gauge: Gauge::default(),
            tenants: Tenants::new(max_keys_per_tenant),
        }
    }

    /// Returns its capacity in bytes.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Returns its counters.
    #[must_use]
    pub fn stats(&self) -> TableStats {
        TableStats {
            entries: self.gauge.entries(),
            bytes: self.gauge.bytes(),
            peak_bytes: self.gauge.peak(),
            evicted: self.gauge.evicted(),
        }
    }

    /// Returns the value under a key, and counts the use.
    #[inline]
    pub fn get(&self, key: KeyRef<'_>) -> Option<Arc<V>> {
        let shard = self.shard(key).read();
        let slot = shard.get(key)?;
        slot.uses().note(self.periods.now());
        Some(Arc::clone(slot.value()))
    }

    /// Visits all values, without counting it as use. It takes time in proportion to their number,
    /// during which one part of the table after the other cannot be changed.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<V>)) {
        for shard in &self.shards {
            shard.read().values().for_each(&mut visit);
        }
    }

    /// Removes a key.
    pub fn remove(&self, key: KeyRef<'_>) {
        let slot = self.shard(key).write().remove(key);
        if let Some(slot) = slot {
            self.forget(&slot);
        }
    }

    /// Removes all keys.
    pub fn clear(&self) {
        for shard in &self.shards {
            let slots = std::mem::take(&mut *shard.write());
            slots.iter().for_each(|slot| self.forget(slot));
        }
    }

    /// Evicts one value that saves no more calls, if a sample of a shard has one: its time is over,
    /// or it has long been unused. It is for values that become worthless in a table with room.
    pub fn shed(&self, now: Instant) -> bool {
        self.evict(0.0, now)
    }

    /// Notes that a slot is gone.
    fn forget(&self, slot: &Slot<V>) {
        self.gauge.give_back(slot.weight());
        self.gauge.count_removed();
        self.tenants.release(slot.key());
    }

    /// Changes the value under a key, given the present one. No other change of the key happens in
    /// between.
    ///
    /// `decide` is called again if other values had to be evicted first, because evictions take
    /// time and happen while the key is not locked. `now` is compared with the times of the
    /// values.
    ///
    /// # Errors
    ///
    /// If there is no room for the new value, or its tenant has as many keys as it may have.
    pub fn change<T>(
        &self,
        key: Key,
        now: Instant,
        mut decide: impl FnMut(Option<&V>) -> Change<V, T>,
    ) -> Result<T, NoRoom> {
        let mut claim = Claim::new(self, key, now);
        loop {
            match claim.attempt(&mut decide) {
                Attempt::Done(result) => return Ok(result),
                Attempt::Refused => return Err(claim.give_up()),
                Attempt::Short { bytes, worth } => {
                    if !claim.make_room(bytes, worth) {
                        return Err(claim.give_up());
                    }
                }
            }
        }
    }

    /// Evicts an entry that is worth at most `limit`, from a sample of one shard.
    fn evict(&self, limit: f64, now: Instant) -> bool {
        let first = fastrand::usize(..self.shards.len());
        let from_there = self.shards.iter().cycle().skip(first);
        for shard in from_there.take(self.shards.len()) {
            let mut shard = shard.write();
            if shard.is_empty() {
                continue;
            }
            let evicted = shard.evict(limit, now, self.periods.now());
            drop(shard);
            let Some(slot) = evicted else {
                return false;
            };
            self.gauge.count_evicted();
            self.forget(&slot);
            return true;
        }
        false
    }

    #[inline]
    fn shard(&self, key: KeyRef<'_>) -> &RwLock<Shard<V>> {
        // Bits that the hash tables do not use. The number of shards is a power of two.
        let index = (key.hash_value() >> 32) as usize & (self.shards.len() - 1);
        &self.shards[index]
    }
}

impl<V: Kept> fmt::Debug for Table<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("capacity", &self.capacity)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// === impl NoRoom ===

impl NoRoom {
    /// Returns the key of the change, if it was not used up.
    #[must_use]
    pub fn into_key(self) -> Option<Key> {
        self.0
    }
}

/// Returns the number of shards: a power of two, as many as threads that may contend.
fn shards(bytes: u64) -> u64 {
    let threads = available_parallelism().map_or(1, |threads| threads.get() as u64);
    let wanted = (bytes / SHARD).min(threads.saturating_mul(4));
    1 << wanted.max(1).ilog2()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
