//! Lengths of answers, by which the rest of one that is under way is expected.

/// Factor by which the weight of earlier answers falls with each one.
const KEEP: f32 = 1.0 - 1.0 / 1024.0;

/// Number of classes of lengths. Each has lengths up to twice those of the one before.
const CLASSES: usize = 24;

/// Numbers of answers by the power of two of their tokens.
#[derive(Debug, Clone)]
pub(super) struct Lengths([f32; CLASSES]);

// === impl Lengths ===

impl Lengths {
    pub(super) fn new() -> Self {
        Self([0.0; CLASSES])
    }

    /// Learns the tokens of a whole answer.
    pub(super) fn learn(&mut self, tokens: u64) {
        self.0.iter_mut().for_each(|count| *count *= KEEP);
        self.0[class(tokens)] += 1.0;
    }

    /// Returns the expected number of tokens that an answer has after these.
    pub(super) fn rest(&self, tokens: f64) -> f64 {
        let (mut count, mut sum) = (0.0, 0.0);
        for (class, answers) in self.0.iter().enumerate() {
            let low = if class == 0 { 0.0 } else { bound(class - 1) };
            let high = bound(class);
            if high <= tokens {
                continue;
            }
            // Lengths within a class are taken to be spread evenly.
            let longer = ((high - tokens) / (high - low)).min(1.0) * f64::from(*answers);
            count += longer;
            sum += longer * f64::midpoint(high, low.max(tokens));
        }
        // Without longer ones, it goes on for as long as it has.
        let unknown = 0.01;
        (sum + unknown * (2.0 * tokens).max(256.0)) / (count + unknown) - tokens
    }
}

fn class(tokens: u64) -> usize {
    let bits = u64::BITS - tokens.leading_zeros();
    usize::try_from(bits).map_or(CLASSES - 1, |bits| bits.min(CLASSES - 1))
}

/// Returns the number of tokens that those of a class stay below.
fn bound(class: usize) -> f64 {
    f64::from(1_u32 << class.min(CLASSES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_that_of_the_answers_that_are_longer() {
        let mut lengths = Lengths::new();
        for n in 0..1_000 {
            lengths.learn(if n % 2 == 0 { 20 } else { 3_000 });
        }
        let near = |tokens: f64, rest: f64, by: f64| {
            let got = lengths.rest(tokens);
            assert!((got - rest).abs() <= by, "{tokens}: {got}");
        };
        // The mean of both is 1,510; of 3,000 and more, as far as classes tell.
        near(0.0, 1_548.0, 20.0);
        near(100.0, 2_972.0, 20.0);
        near(2_048.0, 1_024.0, 20.0);
        near(50_000.0, 50_000.0, 1.0);
    }

    #[test]
    fn any_length_has_a_class() {
        let mut lengths = Lengths::new();
        for tokens in [0, 1, 2, 3, u64::MAX] {
            lengths.learn(tokens);
        }
        assert!(lengths.rest(0.0).is_finite());
        assert_eq!((class(0), class(1), class(2), class(3)), (0, 1, 2, 2));
    }
}
