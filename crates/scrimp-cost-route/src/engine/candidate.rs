//! Provider, in the form that the router needs.

use super::{
    decay::Discount,
    estimate::{Expected, Prior, Sums},
    flight::Flight,
    health::Breaker,
    hedge::Times,
};

/// Age, as a multiple of the usual latency, from which a call under way is evidence: of many
/// calls, one is always slower than most.
const LATE: f64 = 3.0;

#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) sums: Sums,
    pub(super) breaker: Breaker,
    pub(super) flight: Flight,
    /// Times to the first byte.
    pub(super) times: Times,
    /// Time at which a call to it last began.
    pub(super) last_seen: f64,
    /// Number of explorations after which the candidate was not chosen.
    pub(super) tried_in_vain: u8,
    /// Number that distinguishes the candidate from an earlier one of the same index.
    pub(super) generation: u64,
}

// === impl Candidate ===

impl Candidate {
    pub(super) fn new(prior: Prior, generation: u64) -> Self {
        Self {
            sums: Sums::new(prior),
            breaker: Breaker::default(),
            flight: Flight::default(),
            times: Times::new(),
            last_seen: f64::NEG_INFINITY,
            tried_in_vain: 0,
            generation,
        }
    }

    /// Returns the expectation of the candidate. A call under way takes at least as long as its
    /// age, so a stalled provider is detected before any call ends.
    #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
    pub(super) fn expected(&self, now: f64, discount: Discount) -> Expected {
        let mut expected = self.sums.expected(discount);
        // It is zero if none is under way.
        let oldest = self.flight.oldest_age(now);
        if oldest > LATE * expected.latency {
            let one = self.sums.latency_with(oldest, 1.0, discount);
            let mean = self.flight.mean_age(now);
            let count = self.flight.count() as f64;
            let all = self.sums.latency_with(mean, count, discount);
            expected.latency = one.max(all);
        }
        expected
    }
}
