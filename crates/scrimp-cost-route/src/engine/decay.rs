//! Sums in which newer observations count more.

/// Forward decay: old sums keep their weight, and new observations weigh more, by the time
/// since a landmark. One power per decision then serves all providers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decay {
    half_life: f64,
    landmark: f64,
}

/// Weighted sum, and the sum of the weights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    pub(super) sum: f64,
    pub(super) weight: f64,
}

/// Decays of all sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decays {
    /// Decay of latency and success.
    fast: Decay,
    /// Decay of quality.
    slow: Decay,
    /// Decay of the usual values, in the long run.
    long: Decay,
    /// Decay of a provider's last expectation.
    trust: Decay,
}

/// Discounts of every provider's sums at one moment: one power each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Discount {
    pub(super) fast: f64,
    pub(super) slow: f64,
    pub(super) long: f64,
    pub(super) trust: f64,
}

// === impl Decay ===

impl Decay {
    pub(super) fn new(half_life: f64) -> Self {
        Self {
            half_life,
            landmark: 0.0,
        }
    }

    pub(super) fn discount(&self, now: f64) -> f64 {
        ((self.landmark - now) / self.half_life).exp2()
    }

    /// Moves the landmark if it is far behind, since weights would overflow in the end. Returns
    /// the factor to scale sums by, or 1 if it did not move.
    fn follow(&mut self, now: f64) -> f64 {
        if now - self.landmark <= 200.0 * self.half_life {
            return 1.0;
        }
        let factor = self.discount(now);
        self.landmark = now;
        factor
    }
}

// === impl Mean ===

impl Mean {
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    /// Returns the mean, shrunk to `prior`, which counts as much as `strength` in units of the
    /// weights.
    pub(super) fn get(&self, prior: f64, strength: f64) -> f64 {
        (strength * prior + self.sum) / (strength + self.weight)
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.sum *= factor;
        self.weight *= factor;
    }
}

// === impl Decays ===

impl Decays {
    pub(super) fn new([fast, slow, long]: [Decay; 3], trust: Decay) -> Self {
        Self {
            fast,
            slow,
            long,
            trust,
        }
    }

    pub(super) fn discount(&self, now: f64) -> Discount {
        Discount {
            fast: self.fast.discount(now),
            slow: self.slow.discount(now),
            long: self.long.discount(now),
            trust: self.trust.discount(now),
        }
    }

    /// Moves landmarks that are far behind. Returns the factors to scale sums by, if one has
    /// moved.
    pub(super) fn follow(&mut self, now: f64) -> Option<Discount> {
        let factors = Discount {
            fast: self.fast.follow(now),
            slow: self.slow.follow(now),
            long: self.long.follow(now),
            trust: self.trust.follow(now),
        };
        let all = [factors.fast, factors.slow, factors.long, factors.trust];
        all.iter().any(|factor| *factor < 1.0).then_some(factors)
    }
}
