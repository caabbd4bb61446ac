//! The table of a store in memory: which responses stay, which go, and what they weigh.
//!
//! Shards of hash tables, bounded in bytes together. A look-up locks a shard for reading and
//! notes the use in the entry itself, so there are no books to be settled later, and what is
//! over the limit is gone when a put returns.

mod shard;
mod uses;

use std::{sync::Arc, thread::available_parallelism};

use parking_lot::{RwLock, RwLockWriteGuard};
use scrimp_core::{Key, KeyRef};
use smallvec::SmallVec;
use tokio::time::Instant;

use self::{
    shard::{Shard, Slot},
    uses::{Misses, Periods, Uses},
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

/// A change was not made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// What has left the table, to be dropped once no lock is held any more.
type Left<V> = SmallVec<[Slot<V>; 2]>;

// === impl Table ===

impl<V: Kept> Table<V> {
    /// A table for this many bytes.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            shards: (0..shards(capacity)).map(|_| RwLock::default()).collect(),
            capacity,
            periods: Periods::default(),
            misses: Misses::new(capacity / USUAL_WEIGHT),
            gauge: Gauge::default(),
            tenants: Tenants::unlimited(),
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
            self.gauge.remove(slot.weight());
            self.tenants.release(slot.key());
        }
    }

    /// Changes what is under a key, knowing what is: nobody else touches it meanwhile.
    pub(super) fn change<T>(
        &self,
        key: Key,
        now: Instant,
        decide: impl FnOnce(Option<&V>) -> Change<V, T>,
    ) -> Result<T, NoRoom> {
        // Before the lock, so that it is dropped after it.
        let mut left = Left::new();
        let mut shard = self.shard(key.as_ref()).write();
        let present = shard.get(key.as_ref());
        match decide(present.map(|slot| &**slot.value())) {
            Change::Keep(result) => Ok(result),
            Change::Remove(result) => {
                let removed = shard.remove(key.as_ref());
                drop(shard);
                if let Some(slot) = removed {
                    self.forget(slot, &mut left);
                }
                Ok(result)
            }
            Change::Put(value, result) => {
                let put = self.put(shard, (key, value), now, &mut left);
                put.map(|()| result)
            }
        }
    }

    fn put(
        &self,
        mut shard: RwLockWriteGuard<'_, Shard<V>>,
        (key, value): (Key, V),
        now: Instant,
        left: &mut Left<V>,
    ) -> Result<(), NoRoom> {
        let period = self.periods.now();
        let uses = match shard.remove(key.as_ref()) {
            Some(replaced) => {
                self.gauge.remove(replaced.weight());
                let uses = replaced.uses().count(period);
                left.push(replaced);
                uses
            }
            None if self.tenants.take(&key) => {
                self.periods.note_newcomer(self.gauge.entries());
                self.misses.count(key.as_ref().hash_value(), period)
            }
            None => return Err(NoRoom),
        };
        let slot = Slot::new(key, value, Uses::new(uses, period));
        if !self.make_room(&mut shard, &slot, now, left) {
            drop(shard);
            self.tenants.release(slot.key());
            return Err(NoRoom);
        }
        shard.insert(slot);
        drop(shard);
        self.gauge.note_peak();
        Ok(())
    }

    /// Takes the memory for a slot, from others that are worth less if need be.
    fn make_room(
        &self,
        own: &mut Shard<V>,
        slot: &Slot<V>,
        now: Instant,
        left: &mut Left<V>,
    ) -> bool {
        if slot.weight() > self.capacity {
            return false;
        }
        let period = self.periods.now();
        let limit = slot.worth(now, period);
        while !self.gauge.try_add(slot.weight(), self.capacity) {
            // From any shard that nobody is at: those of one are not worth less than others.
            let any = &self.shards[fastrand::usize(..self.shards.len())];
            let evicted = any
                .try_write()
                .and_then(|mut shard| shard.evict(limit, now, period))
                .or_else(|| own.evict(limit, now, period));
            let Some(evicted) = evicted else {
                return false;
            };
            self.gauge.count_evicted();
            self.forget(evicted, left);
        }
        true
    }

    fn forget(&self, slot: Slot<V>, left: &mut Left<V>) {
        self.gauge.remove(slot.weight());
        self.tenants.release(slot.key());
        left.push(slot);
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
