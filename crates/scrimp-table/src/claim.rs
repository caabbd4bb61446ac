//! A change of one key, and the memory that it has taken for it.

use scrimp_core::Key;
use tokio::time::Instant;

use super::{
    Change, Kept, NoRoom, Table,
    shard::{Slot, worth},
    uses::Uses,
};

/// A change in progress. Dropping it gives back the memory that it has not used.
pub(super) struct Claim<'a, V: Kept> {
    table: &'a Table<V>,
    /// The key, until it is in the table.
    key: Option<Key>,
    now: Instant,
    /// Number of bytes that are counted for a value that is not there yet.
    bytes: u64,
    /// Number of misses of the key, once it is known to be new and counted for its tenant.
    newcomer: Option<u32>,
}

/// Outcome of an attempt.
pub(super) enum Attempt<T> {
    Done(T),
    /// The tenant has as many keys as it may have.
    Refused,
    /// This many bytes are missing. Values worth more than `worth` must not go for them.
    Short {
        bytes: u64,
        worth: f64,
    },
}

// === impl Claim ===

impl<'a, V: Kept> Claim<'a, V> {
    pub(super) fn new(table: &'a Table<V>, key: Key, now: Instant) -> Self {
        Self {
            table,
            key: Some(key),
            now,
            bytes: 0,
            newcomer: None,
        }
    }

    /// Makes the change, if there is enough memory.
    pub(super) fn attempt<T>(
        &mut self,
        decide: impl FnOnce(Option<&V>) -> Change<V, T>,
    ) -> Attempt<T> {
        let table = self.table;
        let Some(key) = self.key.take() else {
            return Attempt::Refused;
        };
        let mut shard = table.shard(key.as_ref()).write();
        let present = shard.get(key.as_ref());
        let (value, result) = match decide(present.map(|slot| &**slot.value())) {
            Change::Keep(result) => {
                self.key = Some(key);
                return Attempt::Done(result);
            }
            Change::Remove(result) => {
                let removed = shard.remove(key.as_ref());
                drop(shard);
                if let Some(slot) = removed {
                    table.forget(&slot);
                }
                self.key = Some(key);
                return Attempt::Done(result);
            }
            Change::Put(value, result) => (value, result),
        };
        let period = table.periods.now();
        let held = present.map_or(0, Slot::weight);
        let uses = match present {
            Some(slot) => slot.uses().count(period),
            None => match self.newcomer(&key) {
                Some(misses) => misses,
                None => {
                    self.key = Some(key);
                    return Attempt::Refused;
                }
            },
        };
        let uses = Uses::new(uses, period);
        let weight = Slot::weigh(&key, &value);
        let wanted = weight.saturating_sub(held);
        if wanted > self.bytes && !table.gauge.take(wanted - self.bytes, table.capacity) {
            self.key = Some(key);
            return Attempt::Short {
                bytes: wanted,
                worth: worth(value.until(), weight, &uses, (self.now, period)),
            };
        }
        // Number of bytes counted by now, for the old and the new value.
        let counted = held + self.bytes.max(wanted);
        self.bytes = counted - weight;
        let left = shard.remove(key.as_ref());
        shard.insert(Slot::new(key, value, uses));
        let newcomer = self.newcomer.take();
        match &left {
            None => table.gauge.count_added(),
            // Another caller has added it meanwhile, and it was counted twice.
            Some(left) if newcomer.is_some() => table.tenants.release(left.key()),
            Some(_) => {}
        }
        drop(shard);
        Attempt::Done(result)
    }

    /// Returns how often the key was missed, if it may be added.
    fn newcomer(&mut self, key: &Key) -> Option<u32> {
        if self.newcomer.is_none() && self.table.tenants.take(key) {
            let (table, hash) = (self.table, key.as_ref().hash_value());
            table.periods.note_newcomer(table.gauge.entries());
            self.newcomer = Some(table.misses.count(hash, table.periods.now()));
        }
        self.newcomer
    }

    /// Gives everything back, and returns the key to the caller.
    pub(super) fn give_up(mut self) -> NoRoom {
        let key = self.key.take();
        if let (Some(key), Some(_)) = (&key, self.newcomer) {
            self.table.tenants.release(key);
        }
        NoRoom(key)
    }

    /// Takes this many bytes in all, if needed from values that are worth less.
    pub(super) fn make_room(&mut self, bytes: u64, worth: f64) -> bool {
        /// Number of shards without a victim after which it gives up.
        const PATIENCE: u32 = 4;
        let table = self.table;
        if bytes > table.capacity {
            return false;
        }
        let mut in_vain = 0;
        while !table.gauge.take(bytes - self.bytes, table.capacity) {
            if !table.evict(worth, self.now) {
                in_vain += 1;
                if in_vain == PATIENCE {
                    return false;
                }
            }
        }
        self.bytes = bytes;
        true
    }
}

impl<V: Kept> Drop for Claim<'_, V> {
    fn drop(&mut self) {
        self.table.gauge.give_back(self.bytes);
        self.table.gauge.note_peak();
        if let (Some(key), Some(_)) = (&self.key, self.newcomer) {
            self.table.tenants.release(key);
        }
    }
}
