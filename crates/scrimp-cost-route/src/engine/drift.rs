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
