//! Counts of calls, and exact sums of their costs.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::{Currency, Money};

#[derive(Default)]
pub(super) struct Side {
    pub(super) calls: AtomicU64,
    pub(super) total: Total,
}

/// An exact 128-bit sum whose common case is one atomic addition.
///
/// `recent` takes the additions. Before it can overflow, the thread that sees it pass the mark
/// moves it into `carried`, under the lock that readers take too, so no reader sees the amount in
/// both places or in neither.
#[derive(Default)]
pub(super) struct Total {
    recent: AtomicI64,
    carried: Mutex<i128>,
}

// === impl Side, Total ===

impl Side {
    pub(super) fn book(&self, amount: Money) {
        self.calls.fetch_add(1, Relaxed);
        self.total.add(amount.pico());
    }

    pub(super) fn money(&self, currency: Currency) -> Money {
        Money::from_pico(self.total.get(), currency)
    }
}

impl Total {
    /// Far enough from the end that every thread may add once more before the carry.
    const MARK: i64 = 1 << 61;
    /// Larger amounts skip `recent`, because a few of them could overflow it at once.
    pub(super) const LARGE: i128 = 1 << 50;

    pub(super) fn add(&self, pico: i128) {
        match i64::try_from(pico) {
            Ok(small) if pico.abs() < Self::LARGE => {
                let sum = self.recent.fetch_add(small, Relaxed).wrapping_add(small);
                if sum.abs() >= Self::MARK {
                    let mut carried = self.carried.lock();
                    *carried = carried.saturating_add(self.recent.swap(0, Relaxed).into());
                }
            }
            _ => {
                let mut carried = self.carried.lock();
                *carried = carried.saturating_add(pico);
            }
        }
    }

    pub(super) fn get(&self) -> i128 {
        let carried = self.carried.lock();
        carried.saturating_add(self.recent.load(Relaxed).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the atomic has, and what was moved out of it.
    fn parts(total: &Total) -> (i64, i128) {
        (total.recent.load(Relaxed), *total.carried.lock())
    }

    #[test]
    fn small_amounts_take_no_lock_and_large_ones_do() {
        let total = Total::default();
        total.add(5);
        total.add(-2);
        assert_eq!(parts(&total), (3, 0));
        total.add(Total::LARGE - 1);
        assert_eq!(parts(&total), ((1 << 50) + 2, 0));
        total.add(Total::LARGE);
        assert_eq!(parts(&total), ((1 << 50) + 2, 1 << 50));
        // Two of these would overflow what takes no lock.
        for _ in 0..2 {
            total.add(i128::from(i64::MAX / 2));
            total.add(i128::from(Total::MARK) - 1);
        }
        assert_eq!(parts(&total).0, (1 << 50) + 2);
        assert_eq!(total.get(), (1 << 63) - 2 + (1 << 62) - 2 + (1 << 51) + 2);
    }

    #[test]
    fn small_amounts_are_moved_at_the_mark() {
        for sign in [1, -1] {
            let total = Total::default();
            let amount = sign * (1 << 49);
            for _ in 1..1 << 12 {
                total.add(amount);
            }
            assert_eq!(parts(&total), ((amount << 12) as i64 - amount as i64, 0));
            total.add(amount);
            assert_eq!(parts(&total), (0, amount << 12));
        }
    }
}
