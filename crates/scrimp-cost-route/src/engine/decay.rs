//! Sums in which newer observations count more.

/// Forward decay: instead of making old sums smaller at each look, new observations weigh
/// more, by the time since a landmark. One power per decision then serves all providers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decay {
    half_life: f64,
    landmark: f64,
}

/// A weighted sum and the sum of the weights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    pub(super) sum: f64,
    pub(super) weight: f64,
}

/// The decays of all sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decays {
    /// Of latency and success.
    fast: Decay,
    /// Of quality.
    slow: Decay,
    /// Of the long run.
    long: Decay,
    /// Of what was thought of a provider when it was last seen.
    trust: Decay,
}

/// What one power each makes of every provider's sums.
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

    /// Weights would overflow one day: the factor to scale them by when the landmark has
    /// moved, as it does then; else 1.
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

    /// Shrunk to `prior`, which counts as much as `strength` in units of the weights.
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

    /// Moves landmarks that are far behind; what sums have to be scaled by, if any did.
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
