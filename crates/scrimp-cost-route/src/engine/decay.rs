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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_halves_with_each_half_life() {
        let decay = Decay::new(10.0);
        for (now, discount) in [(0.0, 1.0), (10.0, 0.5), (20.0, 0.25), (-10.0, 2.0)] {
            assert_eq!(decay.discount(now), discount, "{now}");
        }
    }

    #[test]
    fn a_landmark_moves_when_it_is_more_than_two_hundred_half_lives_behind() {
        let mut decay = Decay::new(10.0);
        assert_eq!(decay.follow(2_000.0), 1.0);
        assert_eq!(decay.discount(2_000.0), (-200.0_f64).exp2());
        assert_eq!(decay.follow(2_010.0), (-201.0_f64).exp2());
        assert_eq!(
            (decay.discount(2_010.0), decay.discount(2_020.0)),
            (1.0, 0.5)
        );
        assert_eq!(decay.follow(4_010.0), 1.0);
        assert_eq!(decay.follow(4_011.0), (-200.1_f64).exp2());
    }

    #[test]
    fn each_of_the_decays_follows_for_itself() {
        let decays = || Decays::new([1.0, 10.0, 100.0].map(Decay::new), Decay::new(1_000.0));
        let mut all = decays();
        assert!(all.follow(200.0).is_none());
        let factors = all.follow(210.0).expect("the fast one is behind");
        assert_eq!(factors.fast, (-210.0_f64).exp2());
        assert_eq!((factors.slow, factors.long, factors.trust), (1.0, 1.0, 1.0));
        let discount = all.discount(211.0);
        assert_eq!((discount.fast, discount.slow), (0.5, (-21.1_f64).exp2()));
        let far = 300_000.0;
        let factors = decays().follow(far).expect("all are behind");
        for (factor, half_life) in [
            (factors.fast, 1.0),
            (factors.slow, 10.0),
            (factors.long, 100.0),
            (factors.trust, 1_000.0),
        ] {
            assert_eq!(factor, (-far / half_life).exp2());
        }
    }

    #[test]
    fn a_mean_is_shrunk_to_its_prior() {
        let mut mean = Mean::default();
        assert_eq!(mean.get(3.0, 2.0), 3.0);
        mean.add(6.0, 2.0);
        mean.add(9.0, 4.0);
        assert_eq!(mean.get(3.0, 2.0), (6.0 + 12.0 + 36.0) / 8.0);
        mean.scale(0.5);
        assert_eq!((mean.sum, mean.weight), (24.0, 3.0));
    }
}
