//! A table in memory, bounded in bytes: which values stay, which go, and what they weigh.
//!
//! It is the store in memory of `scrimp-cache`, and knows nothing of HTTP: values are of any
//! type that tells what it weighs ([`Kept`]), under keys of [`scrimp_core`].
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
//! Shards of hash tables, bounded in bytes together. A look-up locks a shard for reading and
//! notes the use in the entry itself, so there are no books to be settled later, and what is
//! over the limit is gone when a put returns.
//!
//! A table of our own, since what stays in it decides how many calls are saved. moka's look-ups
//! cost a hundred nanoseconds more, for a queue of uses, and quick_cache chooses what goes by the
//! clock alone, whatever its size; `docs/performance.md` in the repository has both beside it.

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

/// What a response is taken to weigh where nothing is known yet.
const USUAL_WEIGHT: u64 = 4 << 10;

/// A smaller part of a store is not worth a lock of its own.
const SHARD: u64 = 4 << 20;

/// Entries looked at to find one that goes. Among sixteen, one of the least valuable twelfth
/// is found three times out of four.
const SAMPLE: u32 = 16;

/// Holds values by key, bounded in bytes.
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
    /// Returns how many bytes it takes.
    fn weight(&self) -> u64;

    /// Returns until when it saves calls; `None` if that has no end.
    fn until(&self) -> Option<Instant>;
}

/// What a change makes of the value under a key.
#[derive(Debug)]
pub enum Change<V, T> {
    /// Nothing.
    Keep(T),
    /// This one.
    Put(V, T),
    /// None any more.
    Remove(T),
}

/// A change was not made. What was there still is.
#[derive(Debug, PartialEq, Eq)]
pub struct NoRoom(Option<Key>);

/// What a table holds, read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TableStats {
    /// Keys with a value.
    pub entries: u64,
    /// Bytes held by them.
    pub bytes: u64,
    /// The most that `bytes` has been.
    pub peak_bytes: u64,
    /// Keys removed to make room.
    pub evicted: u64,
}

// === impl Table ===

impl<V: Kept> Table<V> {
    /// Returns a table for this many bytes, and this many keys of each tenant (the first part
    /// of a key); with `u64::MAX` tenants are not counted.
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

    /// Returns how many bytes it holds at most.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Returns what it holds now.
    #[must_use]
    pub fn stats(&self) -> TableStats {
        TableStats {
            entries: self.gauge.entries(),
            bytes: self.gauge.bytes(),
            peak_bytes: self.gauge.peak(),
            evicted: self.gauge.evicted(),
        }
    }

    /// Returns the value under a key, and counts that it was used.
    #[inline]
    pub fn get(&self, key: KeyRef<'_>) -> Option<Arc<V>> {
        let shard = self.shard(key).read();
        let slot = shard.get(key)?;
        slot.uses().note(self.periods.now());
        Some(Arc::clone(slot.value()))
    }

    /// Removes a key.
    pub fn remove(&self, key: KeyRef<'_>) {
        let slot = self.shard(key).write().remove(key);
        if let Some(slot) = slot {
            self.forget(&slot);
        }
    }

    /// Books that a slot is gone.
    fn forget(&self, slot: &Slot<V>) {
        self.gauge.give_back(slot.weight());
        self.gauge.count_removed();
        self.tenants.release(slot.key());
    }

    /// Changes what is under a key, knowing what is: nobody else touches it meanwhile.
    ///
    /// `decide` is asked again if other values had to go first: that takes its time, and is
    /// not done while the key is locked. `now` is what the values' times are compared with.
    ///
    /// # Errors
    ///
    /// If there is no room for the new value, or its tenant has as many keys as it may.
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

    /// Removes one that is worth no more than `limit`, of a few in one shard.
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
        // Bits that the hash tables do not go by. There are a power of two.
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

/// As many as there are threads to get into each other's way, a power of two.
fn shards(bytes: u64) -> u64 {
    let threads = available_parallelism().map_or(1, |threads| threads.get() as u64);
    let wanted = (bytes / SHARD).min(threads.saturating_mul(4));
    1 << wanted.max(1).ilog2()
}

#[cfg(test)]
mod tests;
