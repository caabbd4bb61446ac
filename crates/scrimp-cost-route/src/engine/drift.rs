//! Detection of changes.

use super::decay::Mean;

/// Evidence from which a change counts as real: the log of the odds against chance. A false
/// alarm then comes at most once in e¹², or 160,000, observations (G. Lorden, Procedures for
/// Reacting to a Change in Distribution, Ann. Math. Statist. 42, 1971).
const SURE: f64 = 12.0;
/// Size of a change that is worth finding quickly, in deviations. Smaller ones are followed
/// slowly.
const SHIFT: f64 = 2.0;
/// Highest evidence of one observation, in deviations: some latencies are very long.
const MOST: f64 = 3.0;
/// Number of observations that the deviation assumed at first counts as.
const STRENGTH: f64 = 4.0;

/// Page's CUSUM, both ways: adds up what observations say for a change, in logs of odds, and
/// starts anew whenever they say more against one. (E. S. Page, Continuous Inspection
/// Schemes, Biometrika 41, 1954.)
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drift {
    up: Since,
    down: Since,
}

/// Evidence for a change in one direction, and the mean of observations since its possible start.
#[derive(Debug, Clone, Copy, Default)]
struct Since {
    evidence: f64,
    seen: Mean,
}

/// Deviation of observations from their mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    squares: Mean,
    prior: f64,
}

// === impl Drift ===

impl Drift {
    /// Adds an observation. `evidence` is its evidence for a change up, and for one down.
    /// Returns the mean of observations since a change, if one is sure.
    pub(super) fn see(&mut self, evidence: [f64; 2], value: f64, weight: f64) -> Option<Mean> {
        let up = self.up.see(evidence[0], value, weight);
        let changed = up.or(self.down.see(evidence[1], value, weight));
        if changed.is_some() {
            *self = Self::default();
        }
        changed
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.up.seen.scale(factor);
        self.down.seen.scale(factor);
    }
}

impl Since {
    fn see(&mut self, evidence: f64, value: f64, weight: f64) -> Option<Mean> {
        self.evidence += evidence;
        if self.evidence <= 0.0 {
            *self = Self::default();
            return None;
        }
        self.seen.add(value, weight);
        (self.evidence > SURE).then_some(self.seen)
    }
}

// === impl Noise ===

impl Noise {
    /// Starts from an assumed deviation.
    pub(super) fn new(deviation: f64) -> Self {
        Self {
            squares: Mean::default(),
            prior: deviation * deviation,
        }
    }

    pub(super) fn variance(&self, discount: f64) -> f64 {
        self.squares.get(self.prior, STRENGTH / discount)
    }

    /// Learns from an observation that is this far above the mean. Returns its evidence for a
    /// change up, and for one down.
    pub(super) fn evidence(&mut self, above: f64, discount: f64) -> [f64; 2] {
        let variance = self.variance(discount);
        let deviation = variance.sqrt();
        let far = (above / deviation).clamp(-MOST, MOST);
        self.squares.add(far * far * variance, 1.0 / discount);
        [far, -far].map(|far| SHIFT * (far - SHIFT / 2.0))
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.squares.scale(factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_that_of_a_shift_of_two_deviations_and_an_observation_counts_for_three_at_most() {
        let noise = Noise::new(0.5);
        let evidence = |above| noise.clone().evidence(above, 1.0);
        assert_eq!(evidence(1.0), [2.0, -6.0]);
        assert_eq!(evidence(-1.0), [-6.0, 2.0]);
        assert_eq!(evidence(0.0), [-2.0, -2.0]);
        assert_eq!(evidence(50.0), [4.0, -8.0]);
        assert_eq!(evidence(-50.0), [-8.0, 4.0]);
    }

    #[test]
    fn the_deviation_is_learned_from_an_assumed_one() {
        let mut noise = Noise::new(0.5);
        assert_eq!(noise.variance(1.0), 0.25);
        noise.evidence(1.0, 1.0);
        // Four assumed squares of a quarter, and one of one.
        assert_eq!(noise.variance(1.0), (4.0 * 0.25 + 1.0) / 5.0);
        // At half of the weight, the observation counts less.
        assert_eq!(noise.variance(0.5), (8.0 * 0.25 + 1.0) / 9.0);
        noise.scale(0.5);
        assert_eq!(noise.variance(1.0), (4.0 * 0.25 + 0.5) / 4.5);
    }

    #[test]
    fn a_change_is_sure_above_a_sum_of_twelve_and_has_the_mean_of_what_came_since_it_began() {
        for evidence in [[4.0, -8.0], [-8.0, 4.0]] {
            let mut drift = Drift::default();
            assert!(drift.see([-2.0, -2.0], 100.0, 1.0).is_none());
            for value in [1.0, 2.0, 3.0] {
                assert!(drift.see(evidence, value, 2.0).is_none());
            }
            let seen = drift.see(evidence, 6.0, 2.0).expect("sixteen");
            assert_eq!((seen.sum, seen.weight), (24.0, 8.0));
            // It starts anew.
            for value in [1.0, 1.0, 1.0] {
                assert!(drift.see(evidence, value, 1.0).is_none());
            }
            let seen = drift.see(evidence, 1.0, 1.0).expect("sixteen again");
            assert_eq!((seen.sum, seen.weight), (4.0, 4.0));
        }
    }

    #[test]
    fn evidence_against_a_change_starts_it_anew() {
        let mut drift = Drift::default();
        for _ in 0..100 {
            assert!(drift.see([3.0, -8.0], 5.0, 1.0).is_none());
            assert!(
                drift.see([-3.0, -8.0], 5.0, 1.0).is_none(),
                "zero is no evidence"
            );
        }
        assert!((0..4).all(|_| drift.see([3.0, -8.0], 1.0, 1.0).is_none()));
        let seen = drift.see([3.0, -8.0], 1.0, 1.0).expect("fifteen");
        assert_eq!((seen.sum, seen.weight), (5.0, 5.0));
    }
}
