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
//! locks a shard for reading and notes the use in the entry itself: two stores, no exclusive lock,
//! and no queue of uses to process later. When a put returns, the table is within its limit.
//!
//! # What stays
//!
//! The priority of an entry is the age of the table at its last use, plus its uses times what a hit
//! saves per byte ([`Kept::saves`]): greedy-dual size frequency (Cherkasova, 1998). An entry whose
//! time is over goes first, and then the one with the least priority. Each shard has both in heaps,
//! and publishes the first of each, so the least of all shards is found without their locks. A use
//! does not move its entry: if an entry that comes first has been used since it was ranked, it is
//! ranked again, at most 63 times for one eviction.
//!
//! - Counts of uses outlive an eviction, for two to four keys per entry (16 bytes per entry at most,
//!   which are part of its weight).
//! - A newcomer may take the place of one entry, whatever it is worth. To take the place of several,
//!   it has to be worth more per byte than each of them, and is refused otherwise. Its misses count.
//! - How fast the table ages, and whether every use counts the same, follows from the traffic. Four
//!   rules run beside the table on a sample of the keys, and the one that saves most leads: a
//!   contest of shadows, which hold keys alone. They hold 64 to 256 keys each, take at most 150 KiB
//!   per table besides its limit, and see a request of the sample at the next miss.
//!
//! It is a table of our own, because the choice of evicted values decides how many calls are
//! saved. `docs/performance.md` in the repository compares it with seven other caches on traces of
//! real systems, and shows where another one is better. Look-ups in moka cost a hundred nanoseconds
//! more, for a queue of uses.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod claim;
mod contest;
mod evict;
mod gauge;
mod ghosts;
mod heap;
mod order;
mod part;
mod rank;
mod sample;
mod shadow;
mod shard;
mod slot;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::available_parallelism,
};

use scrimp_core::{Key, KeyRef};
use tokio::time::Instant;

use self::{
    claim::{Attempt, Claim},
    contest::Contest,
    gauge::{Gauge, Tenants},
    order::Order,
    part::Part,
    slot::Slot,
};

/// Smallest part of a store that is worth its own lock.
const SHARD: u64 = 4 << 20;

/// Largest number of shards. All are looked at for an eviction, without locks.
const MOST_SHARDS: u64 = 256;

/// A table of values by key, bounded in bytes.
pub struct Table<V> {
    shards: Box<[Part<V>]>,
    capacity: u64,
    order: Order,
    contest: Contest,
    gauge: Gauge,
    tenants: Tenants,
    /// Start of the time that ends are counted from.
    start: Instant,
    /// Bits of the latest time of a change, in seconds since the start.
    latest: AtomicU64,
}

/// A value that a table keeps.
pub trait Kept {
    /// Returns its weight in bytes.
    fn weight(&self) -> u64;

    /// Returns the time until which it saves calls. `None`: without end.
    fn until(&self) -> Option<Instant>;

    /// Returns what a hit saves: money, time or any other good, in the same unit for all values of
    /// a table. Negative numbers count as zero, and a thousand million is the largest. Default: 1,
    /// so that the table saves as many calls as it can.
    fn saves(&self) -> f64 {
        1.0
    }
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
    /// Calls of [`get`](Table::get) that found a value.
    pub found: u64,
    /// Those that found none.
    pub missing: u64,
}

// === impl Table ===

impl<V: Kept> Table<V> {
    /// Returns a table for this many bytes, and this many keys per tenant (the first part of a
    /// key). With `u64::MAX`, tenants are not counted.
    #[must_use]
    pub fn new(capacity: u64, max_keys_per_tenant: u64) -> Self {
        let shards = shards(capacity);
        Self {
            shards: (0..shards).map(|_| Part::default()).collect(),
            capacity,
            order: Order::new(shards),
            contest: Contest::new(capacity),
            gauge: Gauge::default(),
            tenants: Tenants::new(max_keys_per_tenant),
            start: Instant::now(),
            latest: AtomicU64::new(0.0_f64.to_bits()),
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
            bytes: self.gauge.bytes_of_entries(),
            peak_bytes: self.gauge.peak(),
            evicted: self.gauge.evicted(),
            found: self.shards.iter().map(Part::found).sum(),
            missing: self.shards.iter().map(Part::missing).sum(),
        }
    }

    /// Returns the value under a key, and counts the use.
    #[inline]
    pub fn get(&self, key: KeyRef<'_>) -> Option<Arc<V>> {
        let part = &self.shards[self.place(key)];
        let shard = part.read();
        let slot = shard.get(key);
        part.note_look_up(slot.is_some());
        let slot = slot?;
        slot.note(self.contest.age());
        self.contest.note_hit(slot.sample());
        Some(Arc::clone(slot.value()))
    }

    /// Returns the value under a key, without counting it as use.
    pub fn peek(&self, key: KeyRef<'_>) -> Option<Arc<V>> {
        let shard = self.shards[self.place(key)].read();
        Some(Arc::clone(shard.get(key)?.value()))
    }

    /// Visits all values, without counting it as use. It takes time in proportion to their number,
    /// during which one part of the table after the other cannot be changed.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<V>)) {
        for shard in &self.shards {
            shard.read().values().for_each(&mut visit);
        }
    }

    /// Visits all keys with their values, as [`for_each`](Self::for_each) does.
    pub fn for_each_key(&self, mut visit: impl FnMut(KeyRef<'_>, &Arc<V>)) {
        for shard in &self.shards {
            shard
                .read()
                .slots()
                .for_each(|slot| visit(slot.key().as_ref(), slot.value()));
        }
    }

    /// Removes a key.
    pub fn remove(&self, key: KeyRef<'_>) {
        let place = self.place(key);
        let mut shard = self.shards[place].write();
        let slot = shard.remove(key);
        self.order.publish(place, shard.first());
        drop(shard);
        if let Some(slot) = slot {
            self.forget(&slot);
        }
    }

    /// Removes all keys.
    pub fn clear(&self) {
        for (place, shard) in self.shards.iter().enumerate() {
            let mut shard = shard.write();
            let slots = std::mem::take(&mut *shard);
            self.order.publish(place, shard.first());
            drop(shard);
            slots.iter().for_each(|slot| self.forget(slot));
        }
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
        let now = self.seconds(now);
        self.latest.fetch_max(now.to_bits(), Relaxed);
        let mut claim = Claim::new(self, key, now);
        let result = loop {
            match claim.attempt(&mut decide) {
                Attempt::Done(result) => break Ok(result),
                Attempt::Refused => break Err(claim.give_up()),
                Attempt::Short { bytes, priority } => {
                    if !claim.make_room(bytes, priority) {
                        break Err(claim.give_up());
                    }
                }
            }
        };
        if let Some(sample) = claim.sample() {
            self.contest.note_miss(sample);
        }
        result
    }

    /// Returns the place of a key's shard.
    #[inline]
    fn place(&self, key: KeyRef<'_>) -> usize {
        // Bits that the hash tables do not use. The number of shards is a power of two.
        (key.hash_value() >> 32) as usize & (self.shards.len() - 1)
    }

    /// Returns a time as seconds since the start; 0 before it.
    fn seconds(&self, time: Instant) -> f64 {
        time.saturating_duration_since(self.start).as_secs_f64()
    }

    /// Returns the end of a value's time, in seconds.
    fn end(&self, value: &V) -> f64 {
        value
            .until()
            .map_or(f64::INFINITY, |until| self.seconds(until))
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
fn shards(bytes: u64) -> usize {
    let threads = available_parallelism().map_or(1, |threads| threads.get() as u64);
    let wanted = (bytes / SHARD)
        .min(threads.saturating_mul(4))
        .min(MOST_SHARDS);
    1 << wanted.max(1).ilog2()
}

/// Makes room for one more item. A list that doubles has a third of its room to spare on average,
/// and this one a sixteenth. Large lists grow in place, as the allocator moves their pages.
fn grow<T>(list: &mut Vec<T>) {
    const LEAST: usize = 4;
    const PART: usize = 8;
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / PART).max(LEAST));
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;
