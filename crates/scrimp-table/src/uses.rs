//! Counts of uses that decay over time.

use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

/// One use, with the bits that are left after eight halvings.
const ONE: u32 = 1 << 8;

/// Largest count of uses. It is high enough for a value a thousand times as heavy as others to be
/// worth more, and low enough to be forgotten in a dozen periods.
const MOST: u32 = 4_096 * ONE;

/// A period ends after this many new responses per response in the table.
const PERIOD: u64 = 2;

/// Number of miss counters per response that the table is expected to hold.
const COUNTERS: u64 = 4;

/// Divides time by the traffic through the table. From one period to the next, all counts are
/// halved.
#[derive(Default)]
pub(super) struct Periods {
    now: AtomicU32,
    newcomers: AtomicU64,
}

/// Uses of one entry: the period of the last use, and the count at that time.
pub(super) struct Uses(AtomicU64);

/// Approximate misses by hash: a count-min sketch (Cormode and Muthukrishnan, 2005) that ages, as
/// in TinyLFU (Einziger, Friedman and Manes, 2017), each counter when it is next read.
///
/// Without it, a heavy and popular value would never be admitted: each time it would count as new,
/// and be worth less than the many small values that it would replace.
pub(super) struct Misses(Box<[AtomicU16]>);

// === impl Periods ===

impl Periods {
    #[inline]
    pub(super) fn now(&self) -> u32 {
        self.now.load(Relaxed)
    }

    /// Notes a newcomer to a table with this many entries.
    pub(super) fn note_newcomer(&self, entries: u64) {
        let most = PERIOD.saturating_mul(entries.max(16));
        let newcomers = self.newcomers.fetch_add(1, Relaxed) + 1;
        // Of the threads that see it at once, one ends the period.
        if newcomers >= most && self.newcomers.swap(0, Relaxed) >= most {
            self.now.fetch_add(1, Relaxed);
        }
    }
}

// === impl Uses ===

impl Uses {
    pub(super) fn new(count: u32, now: u32) -> Self {
        Self(AtomicU64::new(packed(count.clamp(ONE, MOST), now)))
    }

    /// Counts a use. It writes only if the count changes, so that a popular value stays in every
    /// processor's cache. Of two simultaneous uses one may go uncounted.
    #[inline]
    pub(super) fn note(&self, now: u32) {
        let before = self.0.load(Relaxed);
        if before == packed(MOST, now) {
            return;
        }
        let after = packed((count(before, now) + ONE).min(MOST), now);
        self.0.store(after, Relaxed);
    }

    /// Returns the count, in parts of a use.
    #[inline]
    pub(super) fn count(&self, now: u32) -> u32 {
        count(self.0.load(Relaxed), now)
    }
}

fn packed(count: u32, now: u32) -> u64 {
    u64::from(now) << 32 | u64::from(count)
}

fn count(packed: u64, now: u32) -> u32 {
    let [count, then] = [packed as u32, (packed >> 32) as u32];
    // Another thread may have seen the next period begin before this one does.
    let passed = now.wrapping_sub(then) as i32;
    count.checked_shr(passed.max(0) as u32).unwrap_or(0)
}

// === impl Misses ===

impl Misses {
    /// Returns counters for a table of about this many responses.
    pub(super) fn new(responses: u64) -> Self {
        let counters = responses.saturating_mul(COUNTERS).clamp(64, 1 << 24);
        let counters = 0..counters.next_power_of_two();
        Self(counters.map(|_| AtomicU16::new(0)).collect())
    }

    /// Counts a miss of the key with this hash. Returns the number of recent misses, or more, in
    /// parts of a use.
    pub(super) fn count(&self, hash: u64, now: u32) -> u32 {
        let counts = [0, 16, 32].map(|bits| {
            let counter = &self.0[self.place(hash, bits)];
            let [then, count] = counter.load(Relaxed).to_be_bytes();
            let [.., now] = now.to_be_bytes();
            let passed = u32::from(now.wrapping_sub(then));
            let count = count.checked_shr(passed).unwrap_or(0).saturating_add(1);
            counter.store(u16::from_be_bytes([now, count]), Relaxed);
            count
        });
        counts
            .into_iter()
            .min()
            .map_or(ONE, |count| u32::from(count) * ONE)
    }

    /// Returns an index that differs for keys with different hashes. The length is a power of two.
    fn place(&self, hash: u64, bits: u32) -> usize {
        let mixed = hash.rotate_left(bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.0.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        n.wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(17)
    }

    #[test]
    fn what_is_missed_often_is_told_from_what_is_missed_once() {
        let misses = Misses::new(1_000);
        let often: Vec<u32> = (0..10).map(|_| misses.count(hash(1), 0) / ONE).collect();
        assert_eq!(often, (1..=10).collect::<Vec<_>>());
        let more = (2..502).filter(|&n| misses.count(hash(n), 0) > ONE);
        assert!(more.count() < 10);
    }

    #[test]
    fn the_past_counts_half_with_every_period() {
        let misses = Misses::new(1_000);
        for _ in 0..100 {
            misses.count(hash(1), 7);
        }
        assert_eq!(misses.count(hash(1), 9) / ONE, 100 / 4 + 1);
        let uses = Uses::new(ONE, 7);
        for _ in 0..9 {
            uses.note(7);
        }
        assert_eq!(uses.count(7), 10 * ONE);
        assert_eq!(uses.count(8), 5 * ONE);
        assert_eq!(uses.count(6), 10 * ONE, "seen from before");
        assert_eq!(uses.count(100), 0);
        uses.note(9);
        assert_eq!(uses.count(9), 2 * ONE + ONE / 2 + ONE);
    }

    #[test]
    fn a_period_is_as_long_as_it_takes_to_replace_all_twice() {
        let periods = Periods::default();
        for _ in 0..199 {
            periods.note_newcomer(100);
        }
        assert_eq!(periods.now(), 0);
        periods.note_newcomer(100);
        assert_eq!(periods.now(), 1);
    }
}
