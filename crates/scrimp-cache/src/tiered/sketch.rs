//! Request rates of keys, in bounded memory.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use scrimp_core::KeyRef;
use tokio::time::Instant;

/// Rows of counters. A key has one counter in each, and the least of them is its count.
const ROWS: usize = 4;

/// Counters of a row. All rows take 256 KiB.
const COLUMNS: usize = 1 << 13;

/// Time over which requests are counted.
const WINDOW: Duration = Duration::from_secs(4);

/// A count-min sketch of request rates: it takes the same memory for any number of keys. A rate may
/// be too high if keys share all their counters, and is never too low.
#[derive(Debug)]
pub(super) struct Sketch {
    /// The window in the upper half, then its count and that of the window before.
    cells: Box<[AtomicU64]>,
    secret: RandomState,
    start: Instant,
}

/// The parts of a counter.
#[derive(Clone, Copy)]
struct Cell {
    window: u32,
    now: u16,
    before: u16,
}

// === impl Sketch ===

impl Sketch {
    pub(super) fn new() -> Self {
        Self {
            cells: (0..ROWS * COLUMNS).map(|_| AtomicU64::new(0)).collect(),
            secret: RandomState::new(),
            start: Instant::now(),
        }
    }

    /// Counts a request for a key.
    pub(super) fn count(&self, key: KeyRef<'_>, now: Instant) {
        let (window, _) = self.window(now);
        for cell in self.of(key) {
            let count = |word| {
                let cell = Cell::read(word).at(window);
                let now = cell.now.saturating_add(1);
                Some(Cell { now, ..cell }.word())
            };
            let _ = cell.fetch_update(Relaxed, Relaxed, count);
        }
    }

    /// Returns the requests for a key per second, over the last windows.
    pub(super) fn rate(&self, key: KeyRef<'_>, now: Instant) -> f64 {
        let (window, part) = self.window(now);
        let counts = self.of(key).map(|cell| {
            let cell = Cell::read(cell.load(Relaxed)).at(window);
            f64::from(cell.now) + f64::from(cell.before) * (1.0 - part)
        });
        counts.fold(f64::INFINITY, f64::min) / WINDOW.as_secs_f64()
    }

    fn of(&self, key: KeyRef<'_>) -> impl Iterator<Item = &AtomicU64> {
        // The hash of a key has a secret of its own. One more spreads it over the rows.
        let hash = self.secret.hash_one(key.hash_value());
        (0..ROWS).map(move |row| {
            let column = (hash >> (row * 16)) as usize % COLUMNS;
            &self.cells[row * COLUMNS + column]
        })
    }

    /// Returns the number of the present window, and the part of it that is over.
    fn window(&self, now: Instant) -> (u32, f64) {
        let time = now.saturating_duration_since(self.start);
        let windows = time.as_secs_f64() / WINDOW.as_secs_f64();
        // Windows are compared for equality: after centuries they begin anew.
        (windows as u64 as u32, windows.fract())
    }
}

// === impl Cell ===

impl Cell {
    fn read(word: u64) -> Self {
        Self {
            window: (word >> 32) as u32,
            now: (word >> 16) as u16,
            before: word as u16,
        }
    }

    fn word(self) -> u64 {
        u64::from(self.window) << 32 | u64::from(self.now) << 16 | u64::from(self.before)
    }

    /// Moves it on to a window.
    fn at(self, window: u32) -> Self {
        match window.wrapping_sub(self.window) {
            0 => self,
            // The time was read before another request moved the counter on.
            passed if passed > u32::MAX / 2 => self,
            1 => Self {
                window,
                now: 0,
                before: self.now,
            },
            _ => Self {
                window,
                now: 0,
                before: 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use scrimp_core::{Key, KeyBuf};

    use super::*;

    fn key(number: u32) -> Key {
        KeyBuf::new().part(&number.to_le_bytes()).to_key()
    }

    #[tokio::test(start_paused = true)]
    async fn rates_follow_the_requests_and_fall_when_there_are_none() {
        let (sketch, key) = (Sketch::new(), key(1));
        for _ in 0..8000 {
            tokio::time::advance(Duration::from_millis(1)).await;
            sketch.count(key.as_ref(), Instant::now());
        }
        let rate = || sketch.rate(key.as_ref(), Instant::now());
        assert!((990.0..1010.0).contains(&rate()), "{}", rate());
        tokio::time::advance(WINDOW / 2).await;
        assert!((490.0..510.0).contains(&rate()), "{}", rate());
        tokio::time::advance(WINDOW * 2).await;
        assert_eq!(rate(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_before_the_present_window_wipes_no_counts() {
        let (sketch, key) = (Sketch::new(), key(1));
        tokio::time::advance(WINDOW).await;
        let now = Instant::now();
        for _ in 0..400 {
            sketch.count(key.as_ref(), now);
        }
        let before = now - WINDOW / 2;
        sketch.count(key.as_ref(), before);
        assert!(sketch.rate(key.as_ref(), before) >= 100.0);
        assert_eq!(sketch.rate(key.as_ref(), now), 401.0 / 4.0);
    }

    #[tokio::test(start_paused = true)]
    async fn rates_are_counted_up_to_the_limit_that_the_policies_state() {
        let (sketch, key) = (Sketch::new(), key(1));
        for _ in 0..2 {
            for _ in 0..70_000 {
                sketch.count(key.as_ref(), Instant::now());
            }
            let rate = sketch.rate(key.as_ref(), Instant::now());
            assert!((16_383.0..32_768.0).contains(&rate), "{rate}");
            tokio::time::advance(WINDOW).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_a_hundred_times_as_many_keys_takes_no_memory_and_hides_no_hot_key() {
        let (sketch, hot) = (Sketch::new(), key(u32::MAX));
        let cells = sketch.cells.len();
        for number in 0..100 * COLUMNS as u32 {
            sketch.count(key(number).as_ref(), Instant::now());
        }
        for _ in 0..4000 {
            sketch.count(hot.as_ref(), Instant::now());
        }
        assert!(sketch.rate(hot.as_ref(), Instant::now()) >= 1000.0);
        assert_eq!(sketch.cells.len(), cells);
    }
}
