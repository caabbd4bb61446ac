//! The order of the shards: which one has the entry that should go first.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The first entry of each shard, as last published. It is read without locks.
#[derive(Debug)]
pub(super) struct Order {
    /// Bits of each shard's least priority. Numbers that are not negative have the order of their
    /// bits, and an empty shard has infinity.
    priorities: Box<[AtomicU64]>,
    /// Bits of the time that is over first in each shard.
    ends: Box<[AtomicU64]>,
    turn: AtomicUsize,
}

// === impl Order ===

impl Order {
    pub(super) fn new(shards: usize) -> Self {
        let empty = || (0..shards).map(|_| AtomicU64::new(f64::INFINITY.to_bits()));
        Self {
            priorities: empty().collect(),
            ends: empty().collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Publishes a shard's least priority, and the time that is over first in it. Its lock is held.
    pub(super) fn publish(&self, shard: usize, (priority, end): (f64, f64)) {
        self.priorities[shard].store(priority.to_bits(), Relaxed);
        self.ends[shard].store(end.to_bits(), Relaxed);
    }

    /// Returns a shard with an entry whose time is over.
    pub(super) fn expired(&self, now: f64) -> Option<usize> {
        first(&self.ends, 0)
            .filter(|&(_, end)| end <= now)
            .map(|(shard, _)| shard)
    }

    /// Returns the shard with the entry that should go first. Of equal ones it is another one each
    /// time, so that no shard is emptied for the others.
    pub(super) fn least(&self) -> Option<usize> {
        let turn = self.turn.fetch_add(1, Relaxed);
        let least = first(&self.priorities, turn);
        least
            .filter(|(_, priority)| priority.is_finite())
            .map(|(shard, _)| shard)
    }
}

/// Returns the index and value of the least number; of equal ones the first from `turn` on.
fn first(numbers: &[AtomicU64], turn: usize) -> Option<(usize, f64)> {
    let length = numbers.len();
    let in_turn = (0..length).map(|step| (turn.wrapping_add(step)) % length);
    let values = in_turn.map(|shard| (shard, numbers[shard].load(Relaxed)));
    let least = values.min_by_key(|&(_, bits)| bits)?;
    Some((least.0, f64::from_bits(least.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_with_the_least_priority_comes_first_and_equals_take_turns() {
        let order = Order::new(3);
        assert_eq!((order.least(), order.expired(1e9)), (None, None));
        order.publish(0, (2.0, 60.0));
        order.publish(1, (1.0, f64::INFINITY));
        assert_eq!((order.least(), order.least()), (Some(1), Some(1)));
        order.publish(0, (1.0, 60.0));
        let turns: Vec<_> = (0..12).filter(|_| order.least() == Some(0)).collect();
        assert!((3..=9).contains(&turns.len()));
        assert_eq!((order.expired(59.0), order.expired(60.0)), (None, Some(0)));
    }
}
