//! Estimates one property of a provider.

use super::decay::{Discount, Mean};

/// Estimate that shrinks recent observations to the usual value, and that to the prior. It
/// shrinks more if observations are few or old.
#[derive(Debug, Clone, Copy)]
pub(super) struct Track {
    pub(super) recent: Mean,
    long: Mean,
    /// Usual value, and the estimate's distance from it, at the last observation.
    usual: f64,
    beyond: f64,
    /// Weight of trust at the last observation.
    seen: f64,
}

/// Values that an observation is weighed against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against {
    pub(super) prior: f64,
    /// Weights, in observations: of the usual value against recent ones, and of the prior
    /// against the usual value.
    pub(super) strength: [f64; 2],
    /// Discount of recent observations.
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

    /// Computes the estimate, which then only fades until the next observation.
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
