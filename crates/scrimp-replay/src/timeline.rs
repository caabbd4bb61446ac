//! Requests and upstream calls over time.

use scrimp_core::{Currency, Money};

use crate::line::MICROS;

/// Highest number of points on a chart.
const MAX_SLICES: i64 = 120;

/// Readable lengths, in seconds; above the last, whole days.
const LENGTHS: &[i64] = &[
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400,
];

/// Equal slices of the time of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeline {
    /// Start of the first slice, in seconds since 1970-01-01 UTC.
    pub start: i64,
    /// Length of a slice in seconds.
    pub seconds: i64,
    /// The slices, including those without requests.
    pub slices: Vec<Slice>,
}

/// Counts of one slice of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slice {
    /// Requests made.
    pub requests: u64,
    /// Requests that reached the upstream.
    pub upstream_calls: u64,
    /// Cost of those calls, at the price of the provider that each went to.
    pub spent: Money,
}

// === impl Timeline ===

impl Timeline {
    /// Makes a timeline for entries between two times in microseconds.
    pub(crate) fn new(first: i64, last: i64, currency: Currency) -> Self {
        let (first, last) = (first.div_euclid(MICROS), last.div_euclid(MICROS));
        let count = |seconds: i64| last.div_euclid(seconds) - first.div_euclid(seconds) + 1;
        let fits = LENGTHS
            .iter()
            .copied()
            .find(|&seconds| count(seconds) <= MAX_SLICES);
        let seconds = fits.unwrap_or_else(|| {
            let days = (last - first).div_euclid(86_400 * (MAX_SLICES - 1)) + 1;
            days * 86_400
        });
        let empty = Slice {
            requests: 0,
            upstream_calls: 0,
            spent: Money::from_pico(0, currency),
        };
        Self {
            start: first.div_euclid(seconds) * seconds,
            seconds,
            slices: vec![empty; usize::try_from(count(seconds)).unwrap_or(1)],
        }
    }

    /// Counts a request at a time in microseconds.
    pub(crate) fn count(&mut self, time: i64, upstream_calls: u64, price: Money) {
        if let Some(slice) = self.at(time) {
            slice.requests += 1;
            slice.add(upstream_calls, price);
        }
    }

    /// Counts a call for a request at a time in microseconds, at the price that was paid.
    pub(crate) fn called(&mut self, time: i64, price: Money) {
        if let Some(slice) = self.at(time) {
            slice.add(1, price);
        }
    }

    /// Returns the index of the slice of a time in microseconds.
    pub(crate) fn place(&self, time: i64) -> usize {
        let at = (time.div_euclid(MICROS) - self.start).div_euclid(self.seconds);
        usize::try_from(at)
            .unwrap_or(0)
            .min(self.slices.len().saturating_sub(1))
    }

    fn at(&mut self, time: i64) -> Option<&mut Slice> {
        let at = self.place(time);
        self.slices.get_mut(at)
    }
}

// === impl Slice ===

impl Slice {
    fn add(&mut self, calls: u64, price: Money) {
        self.upstream_calls += calls;
        let spent = self.spent.checked_add(price * calls);
        self.spent = spent.expect("a replay uses the currency of its price only");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_span_fits_on_a_chart_and_loses_nothing() {
        for span in [
            0,
            1,
            59,
            3_600,
            86_400,
            3 * 86_400,
            400 * 86_400,
            253_402_300_799,
        ] {
            let mut timeline = Timeline::new(0, span * MICROS, Currency::USD);
            timeline.count(0, 1, Money::ZERO);
            timeline.count(span * MICROS, 0, Money::ZERO);
            assert!(
                timeline.slices.len() <= 121,
                "{span}: {}",
                timeline.slices.len()
            );
            let last = timeline.slices.len() - 1;
            assert!(timeline.slices[0].requests >= 1 && timeline.slices[last].requests >= 1);
            assert_eq!(
                timeline
                    .slices
                    .iter()
                    .map(|slice| slice.requests)
                    .sum::<u64>(),
                2
            );
        }
    }
}
