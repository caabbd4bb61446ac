//! Provider as the router knows it.

use super::{
    decay::Discount,
    estimate::{Expected, Prior, Sums},
    flight::Flight,
    health::Breaker,
};

/// Multiple of the usual latency that a call under way must be old to say something: of many
/// calls, one is always slower than most.
const LATE: f64 = 3.0;

#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) sums: Sums,
    pub(super) breaker: Breaker,
    pub(super) flight: Flight,
    /// Time at which a call to it last began.
    pub(super) last_seen: f64,
    /// Number of times it was tried out and not chosen afterwards.
    pub(super) tried_in_vain: u8,
    /// Number that tells it from another candidate that had the same index before.
    pub(super) generation: u64,
}

// === impl Candidate ===

impl Candidate {
    pub(super) fn new(prior: Prior, generation: u64) -> Self {
        Self {
            sums: Sums::new(prior),
            breaker: Breaker::default(),
            flight: Flight::default(),
            last_seen: f64::NEG_INFINITY,
            tried_in_vain: 0,
            generation,
        }
    }

    /// Returns what is expected of it. A call under way has taken at least as long as it is old,
    /// so a provider that stalls is known to before any call has come back.
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    pub(super) fn expected(&self, now: f64, discount: Discount) -> Expected {
        let mut expected = self.sums.expected(discount);
        let count = self.flight.count();
        if count > 0 {
            let oldest = self.flight.oldest_age(now);
            if oldest > LATE * expected.latency {
                let one = self.sums.latency_with(oldest, 1.0, discount);
                let mean = self.flight.mean_age(now);
                let all = self.sums.latency_with(mean, count as f64, discount);
                expected.latency = one.max(all);
            }
        }
        expected
    }
}
