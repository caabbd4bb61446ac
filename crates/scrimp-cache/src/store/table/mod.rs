//! The table of a store in memory: which responses stay, which go, and what they weigh.
//!
//! Shards of hash tables, bounded in bytes together. A look-up locks a shard for reading and
//! notes the use in the entry itself, so there are no books to be settled later, and what is
//! over the limit is gone when a put returns.
//!
//! A table of our own, since what stays in it decides how many calls are saved. moka's look-ups
//! cost a hundred nanoseconds more, for a queue of uses, and quick_cache chooses what goes by the
//! clock alone, whatever its size; `docs/performance.md` in the repository has both beside it.

mod claim;
mod shard;
mod uses;

use std::{sync::Arc, thread::available_parallelism};

use parking_lot::RwLock;
use scrimp_core::{Key, KeyRef};
use tokio::time::Instant;

use self::{
    claim::{Attempt, Claim},
    shard::{Shard, Slot},
    uses::{Misses, Periods},
};
use super::gauge::{Gauge, Tenants};

/// What a response is taken to weigh where nothing is known yet.
const USUAL_WEIGHT: u64 = 4 << 10;

/// A smaller part of a store is not worth a lock of its own.
const SHARD: u64 = 4 << 20;

/// Entries looked at to find one that goes. Among sixteen, one of the least valuable twelfth
/// is found three times out of four.
const SAMPLE: u32 = 16;

/// Values by key, bounded in bytes.
pub(super) struct Table<V> {
    shards: Box<[RwLock<Shard<V>>]>,
    capacity: u64,
    periods: Periods,
    misses: Misses,
    pub(super) gauge: Gauge,
    pub(super) tenants: Tenants,
}

/// A value that a table keeps.
pub(super) trait Kept {
    /// Bytes it takes.
    fn weight(&self) -> u64;

    /// Until when it saves calls; `None`: for ever.
    fn until(&self) -> Option<Instant>;
}

/// What a change makes of the value under a key.
pub(super) enum Change<V, T> {
    /// Nothing.
    Keep(T),
    /// This one.
    Put(V, T),
    /// None any more.
    Remove(T),
}

/// A change was not made. What was there still is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom(pub(super) Option<Key>);

// === impl Table ===

impl<V: Kept> Table<V> {
    /// A table for this many bytes, and this many keys of each tenant.
    pub(super) fn new(capacity: u64, max_keys_per_tenant: u64) -> Self {
        Self {
            shards: (0..shards(capacity)).map(|_| RwLock::default()).collect(),
            capacity,
            periods: Periods::default(),
            misses: Misses::new(capacity / USUAL_WEIGHT),
            gauge: Gauge::default(),
            tenants: Tenants::new(max_keys_per_tenant),
        }
    }

    /// Bytes that it holds at most.
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    #[inline]
    pub(super) fn get(&self, key: KeyRef<'_>) -> Option<Arc<V>> {
        let shard = self.shard(key).read();
        let slot = shard.get(key)?;
        slot.uses().note(self.periods.now());
        Some(Arc::clone(slot.value()))
    }

    /// Removes a key.
    pub(super) fn remove(&self, key: KeyRef<'_>) {
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
    /// not done while the key is locked.
    pub(super) fn change<T>(
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

/// As many as there are threads to get into each other's way, a power of two.
fn shards(bytes: u64) -> u64 {
    let threads = available_parallelism().map_or(1, |threads| threads.get() as u64);
    let wanted = (bytes / SHARD).min(threads.saturating_mul(4));
    1 << wanted.max(1).ilog2()
}

#[cfg(test)]
mod tests;
