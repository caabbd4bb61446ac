//! Calibration: how often a confidence has been right.

/// Number of ranges of confidence.
const BINS: usize = 24;

/// Weight of what a predictor says itself, in outcomes.
const PRIOR: f64 = 8.0;

/// Standard errors that caution takes off. They hold for an estimate that is looked at with each new outcome:
/// among many looks, a lucky streak would pass two or three of them.
const CAUTION: f64 = 4.0;

/// Share that older outcomes keep with each new one of their range: about the last 1,000 count.
const KEEP: f64 = 0.999;

/// Learns how often predictions of a confidence are right.
///
/// It is an isotonic regression that goes on: the frequencies in ranges of confidence, made monotonous by
/// pooling adjacent violators. A range begins with what the predictor says, weighted as eight outcomes, and
/// the last thousand outcomes of a range count most. It takes a few hundred bytes, whatever it has seen.
#[derive(Debug, Clone)]
pub struct Calibration {
    bins: [Bin; BINS],
    /// The values after pooling, and the outcomes that each rests on.
    fitted: [f64; BINS],
    seen: [f64; BINS],
    /// Outcomes that the statement of the predictor counts as.
    trust: f64,
    stale: bool,
}

#[derive(Debug, Clone, Copy)]
struct Bin {
    weight: f64,
    /// Sum of the confidences.
    said: f64,
    /// Sum of the outcomes.
    right: f64,
    /// Weight of the outcomes without what the predictor says.
    seen: f64,
}

// === impl Calibration ===

impl Default for Calibration {
    fn default() -> Self {
        Self::new()
    }
}

impl Calibration {
    /// Returns a calibration that trusts the predictor.
    #[must_use]
    pub fn new() -> Self {
        let mut bins = [Bin::default(); BINS];
        for (at, bin) in bins.iter_mut().enumerate() {
            let middle = middle(at);
            *bin = Bin {
                weight: PRIOR,
                said: PRIOR * middle,
                right: PRIOR * middle,
                seen: 0.0,
            };
        }
        Self {
            bins,
            fitted: [0.0; BINS],
            seen: [0.0; BINS],
            trust: PRIOR,
            stale: true,
        }
    }

    /// Returns a calibration for which statements count only as far as outcomes bear them out: until then, it is
    /// as [cautious](Self::cautious) as can be.
    #[must_use]
    pub fn doubting() -> Self {
        Self {
            trust: 0.0,
            ..Self::new()
        }
    }

    /// Learns whether a prediction of this confidence was right.
    pub fn learn(&mut self, confidence: f64, right: bool) {
        let bin = &mut self.bins[bin(confidence)];
        bin.weight = bin.weight * KEEP + 1.0;
        bin.seen = bin.seen * KEEP + 1.0;
        bin.said = bin.said * KEEP + clamped(confidence);
        bin.right = bin.right * KEEP + f64::from(u8::from(right));
        self.stale = true;
    }

    /// Returns the probability that a prediction of this confidence is right.
    pub fn probability(&mut self, confidence: f64) -> f64 {
        if self.stale {
            self.fit();
        }
        let confidence = clamped(confidence);
        let at = bin(confidence);
        // Between the means of two ranges, values are in between as well.
        let mean = |at: usize| self.bins[at].said / self.bins[at].weight;
        let (low, high) = match confidence < mean(at) {
            true if at > 0 => (at - 1, at),
            false if at + 1 < BINS => (at, at + 1),
            _ => (at, at),
        };
        let width = mean(high) - mean(low);
        let part = match width > 0.0 {
            true => ((confidence - mean(low)) / width).clamp(0.0, 1.0),
            false => 0.0,
        };
        self.fitted[low] + (self.fitted[high] - self.fitted[low]) * part
    }

    /// Returns the least probability that fits what is known, at four standard errors (Wilson's interval, 1927):
    /// the fewer outcomes there were, the lower it is.
    pub fn cautious(&mut self, confidence: f64) -> f64 {
        let probability = self.probability(confidence);
        let outcomes = self.seen[bin(confidence)] + self.trust;
        if outcomes <= 0.0 {
            return 0.0;
        }
        let square = CAUTION * CAUTION / outcomes;
        let error = probability * (1.0 - probability) / outcomes * CAUTION * CAUTION;
        let error = (error + square * square / 4.0).sqrt();
        ((probability + square / 2.0 - error) / (1.0 + square)).max(0.0)
    }

    /// Pools adjacent violators.
    fn fit(&mut self) {
        let mut pools: [(f64, f64, usize, f64); BINS] = [(0.0, 0.0, 0, 0.0); BINS];
        let mut count = 0;
        for bin in &self.bins {
            pools[count] = (bin.right, bin.weight, 1, bin.seen);
            count += 1;
            while count > 1 {
                let (last, before) = (pools[count - 1], pools[count - 2]);
                if before.0 / before.1 <= last.0 / last.1 {
                    break;
                }
                count -= 1;
                pools[count - 1] = (
                    before.0 + last.0,
                    before.1 + last.1,
                    before.2 + last.2,
                    before.3 + last.3,
                );
            }
        }
        let mut at = 0;
        for (right, weight, bins, seen) in &pools[..count] {
            self.fitted[at..at + bins].fill(right / weight);
            self.seen[at..at + bins].fill(*seen);
            at += bins;
        }
        self.stale = false;
    }
}

// === impl Bin ===

impl Default for Bin {
    fn default() -> Self {
        Self {
            weight: PRIOR,
            said: 0.0,
            right: 0.0,
            seen: 0.0,
        }
    }
}

/// Returns a probability: 0 for NaN.
fn clamped(confidence: f64) -> f64 {
    match confidence.is_nan() {
        true => 0.0,
        false => confidence.clamp(0.0, 1.0),
    }
}

/// Returns the range of a confidence. Ranges are narrower near 0, where most predictions are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number from 0 to BINS"
)]
fn bin(confidence: f64) -> usize {
    ((clamped(confidence).sqrt() * BINS as f64) as usize).min(BINS - 1)
}

fn middle(at: usize) -> f64 {
    let edge = |at: usize| (at as f64 / BINS as f64).powi(2);
    f64::midpoint(edge(at), edge(at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence that looks random and is the same each time.
    fn draws() -> impl Iterator<Item = f64> {
        let mut state = 1_u64;
        std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        })
    }

    #[test]
    fn without_outcomes_the_predictor_is_believed() {
        let mut calibration = Calibration::new();
        for confidence in [0.0, 0.05, 0.3, 0.45, 0.65, 0.8, 1.0] {
            let probability = calibration.probability(confidence);
            assert!(
                (probability - confidence).abs() < 0.05,
                "{confidence} {probability}"
            );
        }
        assert!(calibration.probability(f64::NAN) < 0.05);
    }

    #[test]
    fn a_predictor_that_boasts_is_corrected_over_its_whole_range() {
        let (mut calibration, mut draws) = (Calibration::new(), draws());
        for _ in 0..50_000 {
            let (said, chance) = (draws.next().unwrap(), draws.next().unwrap());
            calibration.learn(said, chance < said * said);
        }
        for said in [0.1, 0.3, 0.5, 0.7, 0.9] {
            let probability = calibration.probability(said);
            assert!(
                (probability - said * said).abs() < 0.05,
                "{said} {probability}"
            );
        }
    }

    #[test]
    fn a_higher_confidence_never_means_a_lower_probability() {
        let (mut calibration, mut draws) = (Calibration::new(), draws());
        for _ in 0..2_000 {
            let (said, chance) = (draws.next().unwrap(), draws.next().unwrap());
            calibration.learn(said, chance < 0.5);
        }
        let all: Vec<_> = (0..=1000)
            .map(|n| calibration.probability(f64::from(n) / 1000.0))
            .collect();
        assert!(all.is_sorted(), "{all:?}");
    }

    #[test]
    fn caution_ends_with_what_is_known() {
        let (mut calibration, mut draws) = (Calibration::new(), draws());
        let doubt = |calibration: &mut Calibration| {
            let (all, less) = (calibration.probability(0.5), calibration.cautious(0.5));
            assert!(less < all);
            all - less
        };
        let before = doubt(&mut calibration);
        for _ in 0..2_000 {
            calibration.learn(0.5, draws.next().unwrap() < 0.5);
        }
        let after = doubt(&mut calibration);
        assert!(before > 0.2 && after < 0.08, "{before} {after}");
        assert!(calibration.cautious(0.0) < 0.01);
        let mut doubting = Calibration::doubting();
        assert!(doubting.probability(0.9) > 0.8 && doubting.cautious(0.9) == 0.0);
        (0..100).for_each(|_| doubting.learn(0.9, true));
        let known = doubting.cautious(0.9);
        assert!(known > 0.8 && known < 0.95, "{known}");
    }

    #[test]
    fn what_held_long_ago_is_forgotten() {
        let mut calibration = Calibration::new();
        for right in [true, false] {
            for _ in 0..20_000 {
                calibration.learn(0.5, right);
            }
        }
        assert!(calibration.probability(0.5) < 0.05);
    }
}
