//! Signs of a visit, weighed by their results.

/// Ranges of the time since the last visit, in hours, by their ends.
const SINCE: [u64; 9] = [2, 3, 6, 12, 23, 26, 48, 167, 170];

/// Facts besides that time.
const FACTS: usize = 5;

/// Facts and ranges.
pub(super) const WEIGHTS: usize = FACTS + SINCE.len() + 1;

/// Step of the first outcomes.
const STEP: f64 = 0.1;

/// Odds that are told apart, as logarithms.
const MOST: f64 = 6.0;

/// The facts of a user at an hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts([f64; WEIGHTS]);

/// Weights of the facts: a logistic regression that goes on, with steps by Duchi, Hazan and Singer (AdaGrad, 2011).
#[derive(Debug, Clone)]
pub(super) struct Weights {
    weights: [f64; WEIGHTS],
    squares: [f64; WEIGHTS],
}

// === impl Facts ===

impl Facts {
    /// Lists frequencies, and the hours since the last visit.
    pub(super) fn new(week: f64, day: f64, all: f64, own: f64, since: u64) -> Self {
        let mut facts = [0.0; WEIGHTS];
        facts[..FACTS].copy_from_slice(&[1.0, logit(week), logit(day), logit(all), logit(own)]);
        let range = SINCE.iter().position(|end| since < *end);
        facts[FACTS + range.unwrap_or(SINCE.len())] = 1.0;
        Self(facts)
    }
}

fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln().clamp(-MOST, MOST)
}

// === impl Weights ===

impl Default for Weights {
    fn default() -> Self {
        let mut weights = [0.0; WEIGHTS];
        // Until something is learned: mostly the user's own hours.
        weights[..FACTS].copy_from_slice(&[0.0, 0.5, 0.3, 0.0, 0.2]);
        Self {
            weights,
            squares: [0.0; WEIGHTS],
        }
    }
}

impl Weights {
    /// Returns a probability.
    pub(super) fn weigh(&self, facts: &Facts) -> f64 {
        let sum: f64 = self.weights.iter().zip(&facts.0).map(|(w, f)| w * f).sum();
        1.0 / (1.0 + (-sum).exp())
    }

    /// Learns what came of a probability.
    pub(super) fn learn(&mut self, facts: &Facts, probability: f64, came: bool) {
        let error = f64::from(u8::from(came)) - probability;
        for (at, fact) in facts.0.iter().enumerate() {
            let gradient = error * fact;
            self.squares[at] += gradient * gradient;
            self.weights[at] += STEP * gradient / (1.0 + self.squares[at]).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_decides_gets_its_weight_and_others_lose_theirs() {
        let mut weights = Weights::default();
        // Who was here an hour ago comes back, whatever the frequencies say.
        for number in 0..4_000_u32 {
            let week = f64::from(number % 7) / 7.0;
            let came = number % 2 == 0;
            let since = if came { 1 } else { 50 };
            let facts = Facts::new(week, 0.3, 0.2, 0.1, since);
            let probability = weights.weigh(&facts);
            weights.learn(&facts, probability, came);
        }
        for week in [0.0, 0.5, 1.0] {
            assert!(weights.weigh(&Facts::new(week, 0.3, 0.2, 0.1, 1)) > 0.9);
            assert!(weights.weigh(&Facts::new(week, 0.3, 0.2, 0.1, 50)) < 0.1);
        }
    }
}
