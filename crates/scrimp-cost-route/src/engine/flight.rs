//! Calls under way.

use std::collections::VecDeque;

/// Start of each call under way, oldest first.
///
/// Calls end in any order, so an ended call leaves a gap, which is removed when it reaches the
/// front. All operations take constant time.
#[derive(Debug, Default)]
pub(super) struct Flight {
    starts: VecDeque<Option<f64>>,
    /// Number of the call at the front.
    first: u64,
    count: usize,
    sum: f64,
}

// === impl Flight ===

impl Flight {
    pub(super) fn start(&mut self, now: f64) -> u64 {
        self.starts.push_back(Some(now));
        self.count += 1;
        self.sum += now;
        self.first + self.starts.len() as u64 - 1
    }

    /// Ends a call. Returns its start. `None` if it ended before.
    pub(super) fn end(&mut self, call: u64) -> Option<f64> {
        let index = usize::try_from(call.checked_sub(self.first)?).ok()?;
        let start = self.starts.get_mut(index)?.take()?;
        self.count -= 1;
        self.sum -= start;
        while let Some(None) = self.starts.front() {
            self.starts.pop_front();
            self.first += 1;
        }
        if self.count == 0 {
            // Removes rounding errors.
            self.sum = 0.0;
        }
        Some(start)
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn oldest_age(&self, now: f64) -> f64 {
        self.starts
            .front()
            .copied()
            .flatten()
            .map_or(0.0, |start| now - start)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    pub(super) fn mean_age(&self, now: f64) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        now - self.sum / self.count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_the_calls_that_are_left() {
        let mut flight = Flight::default();
        assert_eq!((flight.oldest_age(9.0), flight.mean_age(9.0)), (0.0, 0.0));
        let calls: Vec<_> = [1.0, 3.0, 8.0].map(|now| flight.start(now)).into();
        assert_eq!((flight.oldest_age(9.0), flight.mean_age(9.0)), (8.0, 5.0));
        flight.end(calls[1]);
        assert_eq!((flight.oldest_age(9.0), flight.mean_age(9.0)), (8.0, 4.5));
        flight.end(calls[0]);
        assert_eq!((flight.oldest_age(9.0), flight.mean_age(9.0)), (1.0, 1.0));
        assert_eq!((flight.first, flight.end(calls[1] + 9)), (2, None));
        flight.end(calls[2]);
        let next = flight.start(5.0);
        assert_eq!(
            (next, flight.end(next), flight.end(0)),
            (3, Some(5.0), None)
        );
    }

    #[test]
    fn calls_may_end_in_any_order_and_leave_nothing() {
        let mut flight = Flight::default();
        let calls: Vec<_> = (0..4).map(|n| flight.start(f64::from(n))).collect();
        assert_eq!(flight.end(calls[2]), Some(2.0));
        assert_eq!(flight.oldest_age(10.0), 10.0);
        assert_eq!(flight.end(calls[0]), Some(0.0));
        assert_eq!(flight.oldest_age(10.0), 9.0);
        assert_eq!(flight.mean_age(10.0), 8.0);
        assert_eq!(flight.end(calls[0]), None);
        flight.end(calls[1]);
        flight.end(calls[3]);
        assert_eq!((flight.count(), flight.starts.len()), (0, 0));
    }
}
