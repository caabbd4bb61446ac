//! Estimates one property of a provider.

use super::decay::{Discount, Mean};

/// Estimate that shrinks what was seen lately to what is usual, and that to the prior: the less
/// was seen, and the longer ago, the more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Track {
    pub(super) recent: Mean,
    long: Mean,
    /// What is usual, and how far the estimate was from that, as of the last observation.
    usual: f64,
    beyond: f64,
    /// Weight of trust at the last observation.
    seen: f64,
}

/// What an observation is weighed against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against {
    pub(super) prior: f64,
    /// Weights, in observations: of what is usual beside what is recent, and of the prior beside
    /// what is usual.
    pub(super) strength: [f64; 2],
    /// Discount of what is recent.
    pub(super) recent: f64,
}

// === impl Track ===

impl Track {
    pub(super) fn new(prior: f64) -> Self {
        Self {
            recent: Mean::default(),
            long: Mean::default(),
            usual: prior,
            beyond: 0.0,
            seen: 0.0,
        }
    }

    pub(super) fn get(&self, discount: Discount) -> f64 {
        self.usual + self.beyond * self.seen * discount.trust
    }

    pub(super) fn set_prior(&mut self, prior: f64) {
        if self.seen == 0.0 {
            self.usual = prior;
        }
    }

    /// Adds an observation; [`settle`](Self::settle) has to follow.
    pub(super) fn add(&mut self, value: f64, recent: f64, discount: Discount) {
        self.recent.add(value, 1.0 / recent);
        self.long.add(value, 1.0 / discount.long);
    }

    /// Works out the estimate, so that it needs only to fade until the next time.
    pub(super) fn settle(&mut self, against: Against, discount: Discount) {
        let Against {
            prior,
            strength: [recent, usual],
            ..
        } = against;
        self.usual = self.long.get(prior, usual / discount.long);
        self.beyond = self.recent.get(self.usual, recent / against.recent) - self.usual;
        self.seen = 1.0 / discount.trust;
    }

    pub(super) fn scale(&mut self, recent: f64, factors: Discount) {
        self.recent.scale(recent);
        self.long.scale(factors.long);
        self.seen *= factors.trust;
    }
}
