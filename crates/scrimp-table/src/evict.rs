//! Making room.

use std::sync::atomic::Ordering::Relaxed;

use tokio::time::Instant;

use super::{
    Kept, Table,
    shard::{Bound, Eviction},
};

/// Number of entries that are looked at for one eviction at most. The last one goes even if it has
/// been used since it was ranked.
pub(super) const STEPS: u32 = 64;

/// Outcome of an eviction.
pub(super) enum Evicted {
    One,
    /// One that was worthless.
    Expired,
    /// The values that would go exceed the bound.
    Kept,
    /// The table is empty, or other threads were faster.
    Nothing,
}

// === impl Table ===

impl<V: Kept> Table<V> {
    /// Evicts one value whose time is over, if there is one. It is for values that become worthless
    /// in a table with room.
    pub fn shed(&self, now: Instant) -> bool {
        let now = self.seconds(now);
        let Some(place) = self.order.expired(now) else {
            return false;
        };
        let mut shard = self.shards[place].write();
        let slot = shard.expired(now);
        self.order.publish(place, shard.first());
        drop(shard);
        slot.is_some_and(|slot| {
            self.gauge.count_evicted();
            self.forget(&slot);
            true
        })
    }

    /// Takes memory for a use outside of the table, which counts as part of its capacity until it is
    /// [given back](Self::give_back). If too little is free, it evicts entries, but none heavier than
    /// `heaviest`. Returns false, and takes nothing, if there is not enough for all.
    pub fn take(&self, bytes: u64, heaviest: u64) -> bool {
        let now = f64::from_bits(self.latest.load(Relaxed));
        while bytes <= self.capacity && !self.gauge.take(bytes, self.capacity) {
            match self.evict(now, Bound::Loan { heaviest }) {
                Evicted::One | Evicted::Expired => {}
                Evicted::Kept | Evicted::Nothing => return false,
            }
        }
        let is_taken = bytes <= self.capacity;
        if is_taken {
            self.gauge.lend(bytes);
        }
        is_taken
    }

    /// Gives memory back that was [taken](Self::take).
    pub fn give_back(&self, bytes: u64) {
        self.gauge.return_lent(bytes);
    }

    /// Evicts an entry, if there is one within the bound. It looks at a limited number of entries.
    pub(super) fn evict(&self, now: f64, bound: Bound) -> Evicted {
        let rule = self.contest.rule();
        for step in 1..=STEPS {
            let Some(place) = self.order.expired(now).or_else(|| self.order.least()) else {
                return Evicted::Nothing;
            };
            let mut shard = self.shards[place].write();
            let eviction = shard.evict(now, rule, bound, step == STEPS);
            self.order.publish(place, shard.first());
            drop(shard);
            let (slot, evicted) = match eviction {
                Eviction::Gone(slot, priority) => {
                    self.contest.age_by(priority);
                    (slot, Evicted::One)
                }
                Eviction::Expired(slot) => (slot, Evicted::Expired),
                Eviction::Kept => return Evicted::Kept,
                Eviction::Raised | Eviction::Nothing => continue,
            };
            self.gauge.count_evicted();
            self.forget(&slot);
            return evicted;
        }
        Evicted::Nothing
    }
}
