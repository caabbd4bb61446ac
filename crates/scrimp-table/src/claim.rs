//! A change of one key, and the memory that it has taken for it.

use scrimp_core::Key;

use super::{
    Change, Kept, NoRoom, Table,
    evict::Evicted,
    sample::Sample,
    shard::Bound,
    slot::{Record, Slot, saves},
};

/// A change in progress. Dropping it gives back the memory that it has not used.
pub(super) struct Claim<'a, V: Kept> {
    table: &'a Table<V>,
    /// The key, until it is in the table.
    key: Option<Key>,
    /// Time in seconds since the table's start.
    now: f64,
    /// Number of bytes that are counted for a value that is not there yet.
    bytes: u64,
    /// Flag that the key is known to be new, and counted for its tenant.
    is_newcomer: bool,
    /// The value that was put or had no room, as the contest of rules sees it.
    sample: Option<Sample>,
    /// Uses of the key, with this one.
    uses: u32,
}

/// Outcome of an attempt.
pub(super) enum Attempt<T> {
    Done(T),
    /// The tenant has as many keys as it may have.
    Refused,
    /// This many bytes are missing, for a value with this priority.
    Short {
        bytes: u64,
        priority: f64,
    },
}

// === impl Claim ===

impl<'a, V: Kept> Claim<'a, V> {
    pub(super) fn new(table: &'a Table<V>, key: Key, now: f64) -> Self {
        Self {
            table,
            key: Some(key),
            now,
            bytes: 0,
            is_newcomer: false,
            sample: None,
            uses: 1,
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
        let place = table.place(key.as_ref());
        let mut shard = table.shards[place].write();
        let present = shard.get(key.as_ref());
        let (value, result) = match decide(present.map(|slot| &**slot.value())) {
            Change::Keep(result) => {
                self.key = Some(key);
                return Attempt::Done(result);
            }
            Change::Remove(result) => {
                let removed = shard.remove(key.as_ref());
                table.order.publish(place, shard.first());
                drop(shard);
                if let Some(slot) = removed {
                    table.forget(&slot);
                }
                self.key = Some(key);
                return Attempt::Done(result);
            }
            Change::Put(value, result) => (value, result),
        };
        let held = present.map_or(0, Slot::weight);
        let hash = key.as_ref().hash_value();
        let weight = Slot::weigh(&key, &value);
        let sample = Sample::new(hash, weight, saves(&value));
        let past_uses = shard.past_uses(hash);
        if !self.judge(&key, present, past_uses, sample) {
            self.key = Some(key);
            return Attempt::Refused;
        }
        let record = Record {
            uses: self.uses,
            base: table.contest.age(),
        };
        let wanted = weight.saturating_sub(held);
        if wanted > self.bytes && !table.gauge.take(wanted - self.bytes, table.capacity) {
            self.key = Some(key);
            return Attempt::Short {
                bytes: wanted,
                priority: record.priority(table.contest.rule(), sample),
            };
        }
        // Number of bytes counted by now, for the old and the new value.
        let counted = held + self.bytes.max(wanted);
        self.bytes = counted - weight;
        let end = table.end(&value);
        let left = shard.put(Slot::new(key, value, record), end, table.contest.rule());
        table.order.publish(place, shard.first());
        match &left {
            None => table.gauge.count_added(),
            // Another caller has added it meanwhile, and it was counted twice.
            Some(left) if self.is_newcomer => table.tenants.release(left.key()),
            Some(_) => {}
        }
        self.is_newcomer = false;
        drop(shard);
        Attempt::Done(result)
    }

    /// Notes the uses of a key, and whether it is new. Returns false if its tenant has as many keys
    /// as it may have.
    fn judge(&mut self, key: &Key, present: Option<&Slot<V>>, past: u32, sample: Sample) -> bool {
        if let Some(slot) = present {
            self.uses = slot.uses();
            // It was there, but could not be used.
            self.sample = Some(sample.unscored());
            return true;
        }
        self.is_newcomer = self.is_newcomer || self.table.tenants.take(key);
        if self.is_newcomer {
            self.uses = past.saturating_add(1);
            self.sample = Some(sample);
        }
        self.is_newcomer
    }

    /// Returns the value that was put or had no room, once.
    pub(super) fn sample(&mut self) -> Option<Sample> {
        self.sample.take()
    }

    /// Gives everything back, and returns the key to the caller.
    pub(super) fn give_up(&mut self) -> NoRoom {
        let key = self.key.take();
        if let (Some(key), true) = (&key, self.is_newcomer) {
            self.table.tenants.release(key);
            self.is_newcomer = false;
        }
        NoRoom(key)
    }

    /// Takes this many bytes in all, if needed from values that are worth less. A value that has to
    /// wait is remembered, and more welcome the next time.
    pub(super) fn make_room(&mut self, bytes: u64, priority: f64) -> bool {
        /// Number of evictions without a victim after which it gives up.
        const PATIENCE: u32 = 4;
        let table = self.table;
        if bytes > table.capacity {
            return false;
        }
        let mut in_vain = 0;
        let missing = || table.gauge.missing(bytes - self.bytes, table.capacity);
        // What replaces a value is no newcomer, and might displace the very value that it replaces.
        let mut suffices = if self.is_newcomer {
            missing()
        } else {
            u64::MAX
        };
        while !table.gauge.take(bytes - self.bytes, table.capacity) {
            match table.evict(self.now, Bound::Newcomer { suffices, priority }) {
                Evicted::One => suffices = u64::MAX,
                Evicted::Expired if suffices < u64::MAX => suffices = missing(),
                Evicted::Expired => {}
                Evicted::Kept => {
                    table.contest.age_by(priority);
                    self.remember();
                    return false;
                }
                Evicted::Nothing => {
                    in_vain += 1;
                    if in_vain == PATIENCE {
                        return false;
                    }
                }
            }
        }
        self.bytes = bytes;
        true
    }

    fn remember(&self) {
        if let (Some(key), true) = (&self.key, self.is_newcomer) {
            let key = key.as_ref();
            let mut shard = self.table.shards[self.table.place(key)].write();
            shard.remember(key.hash_value(), self.uses);
        }
    }
}

impl<V: Kept> Drop for Claim<'_, V> {
    fn drop(&mut self) {
        self.table.gauge.give_back(self.bytes);
        self.table.gauge.note_peak();
        if let (Some(key), true) = (&self.key, self.is_newcomer) {
            self.table.tenants.release(key);
        }
    }
}
