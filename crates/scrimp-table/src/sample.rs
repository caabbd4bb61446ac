//! Requests on their way to the shadows.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A request, as the shadows see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) hash: u64,
    pub(super) weight: f32,
    /// Saving of a hit. Negative, if a hit of a shadow is none of the rule's doing.
    value: f32,
}

/// A sample in two words. Torn by two threads it may be another sample, which does no harm.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    hash: AtomicU64,
    detail: AtomicU64,
}

// === impl Sample ===

impl Sample {
    pub(super) fn new(hash: u64, weight: u64, value: f32) -> Self {
        Self {
            hash,
            weight: weight as f32,
            value,
        }
    }

    /// Returns the same request as one that is no rule's merit: what was held could not be used.
    pub(super) fn unscored(self) -> Self {
        Self {
            value: -self.value,
            ..self
        }
    }

    /// Returns what a hit saves, if it is a rule's merit, or else 0.
    pub(super) fn gain(self) -> f64 {
        f64::from(self.value.max(0.0))
    }

    pub(super) fn value_per_byte(self) -> f32 {
        self.value.abs() / self.weight.max(1.0)
    }
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn set(&self, sample: Sample) {
        let detail = u64::from(sample.weight.to_bits()) << 32 | u64::from(sample.value.to_bits());
        self.detail.store(detail, Relaxed);
        self.hash.store(sample.hash, Relaxed);
    }

    pub(super) fn take(&self) -> Option<Sample> {
        let hash = self.hash.swap(0, Relaxed);
        let detail = self.detail.load(Relaxed);
        (hash != 0).then(|| Sample {
            hash,
            weight: f32::from_bits((detail >> 32) as u32),
            value: f32::from_bits(detail as u32),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_survives_the_wait_unchanged() {
        let waiting = Waiting::default();
        let sample = Sample::new(7, 123_456, 2.5).unscored();
        waiting.set(sample);
        assert_eq!((waiting.take(), waiting.take()), (Some(sample), None));
    }

    #[test]
    fn what_is_unscored_is_worth_as_much_and_gains_nothing() {
        let sample = Sample::new(7, 1_000, 2.5);
        let unscored = sample.unscored();
        assert_eq!((sample.gain(), unscored.gain()), (2.5, 0.0));
        assert_eq!(sample.value_per_byte(), unscored.value_per_byte());
        assert_eq!((unscored.hash, unscored.weight), (7, 1_000.0));
    }
}
