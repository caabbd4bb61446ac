//! Times of calls.

use std::time::Duration;

use parking_lot::Mutex;

/// Calls remembered.
const KEPT: usize = 64;

/// Times of the last calls.
#[derive(Debug, Default)]
pub(crate) struct Latency(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    times: Vec<Duration>,
    next: usize,
    /// Percentile of `times`; `None` if they have changed since.
    p95: Option<Duration>,
}

// === impl Latency ===

impl Latency {
    /// Records the time of a call.
    pub(crate) fn record(&self, time: Duration) {
        let mut ring = self.0.lock();
        let next = ring.next;
        match ring.times.get_mut(next) {
            Some(slot) => *slot = time,
            None => ring.times.push(time),
        }
        ring.next = (next + 1) % KEPT;
        ring.p95 = None;
    }

    /// Returns the 95th percentile; zero before the first call.
    pub(crate) fn p95(&self) -> Duration {
        let mut ring = self.0.lock();
        if let Some(p95) = ring.p95 {
            return p95;
        }
        let mut times = ring.times.clone();
        let index = times.len() * 95 / 100;
        let p95 = match times.is_empty() {
            true => Duration::ZERO,
            false => *times.select_nth_unstable(index).1,
        };
        ring.p95 = Some(p95);
        p95
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_95th_percentile_is_of_the_last_64_calls() {
        let latency = Latency::default();
        assert_eq!(latency.p95(), Duration::ZERO);
        for ms in 1..=1_000 {
            latency.record(Duration::from_millis(ms));
        }
        assert_eq!(latency.p95(), Duration::from_millis(936 + 61));
    }
}
