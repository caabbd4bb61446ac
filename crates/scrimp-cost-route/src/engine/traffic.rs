//! Counts of recent requests.

use scrimp_core::extensions::Priority;

use super::decay::Discount;

/// Half-life, in seconds, of the counts, and of the expectation of a provider without new
/// observations.
pub(super) const TRUST: f64 = 60.0;

/// Requests by priority, newer ones counting more.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic([f64; 3]);

// === impl Traffic ===

impl Traffic {
    pub(super) fn add(&mut self, priority: Priority, discount: Discount) {
        self.0[priority as usize] += 1.0 / discount.trust;
    }

    /// Returns the expected number of requests of each priority during the life of a new
    /// observation, which equals that of the counts.
    pub(super) fn expected(&self, discount: Discount) -> [(Priority, f64); 3] {
        [Priority::Low, Priority::Default, Priority::High]
            .map(|priority| (priority, self.0[priority as usize] * discount.trust))
    }

    /// Returns the seconds in which this number of requests arrives.
    pub(super) fn seconds(&self, requests: f64, discount: Discount) -> f64 {
        let counted: f64 = self.0.iter().sum::<f64>() * discount.trust;
        requests * TRUST / std::f64::consts::LN_2 / counted.max(f64::MIN_POSITIVE)
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.0.iter_mut().for_each(|count| *count *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::super::decay::{Decay, Decays};
    use super::*;

    #[test]
    fn requests_are_counted_by_priority_and_count_less_as_they_age() {
        let at = |trust| super::super::decay::Discount {
            fast: 1.0,
            slow: 1.0,
            long: 1.0,
            trust,
        };
        let mut traffic = Traffic::default();
        (0..4).for_each(|_| traffic.add(Priority::High, at(1.0)));
        (0..3).for_each(|_| traffic.add(Priority::Default, at(0.5)));
        traffic.add(Priority::Low, at(0.5));
        let counts = traffic.expected(at(0.5));
        let expected = [
            (Priority::Low, 1.0),
            (Priority::Default, 3.0),
            (Priority::High, 2.0),
        ];
        assert_eq!(counts, expected);
        traffic.scale(0.5);
        assert_eq!(traffic.expected(at(1.0)), expected);
        let seconds = traffic.seconds(6.0, at(1.0));
        assert!(
            (seconds - TRUST / std::f64::consts::LN_2).abs() < 1e-9,
            "{seconds}"
        );
    }

    #[test]
    fn a_steady_rate_is_found_however_the_landmarks_move() {
        let mut decays = Decays::new([1.0, 1.0, 1.0].map(Decay::new), Decay::new(TRUST));
        let mut traffic = Traffic::default();
        let mut discount = decays.discount(0.0);
        for n in 0..400_000_u32 {
            let now = f64::from(n) / 20.0;
            if let Some(factors) = decays.follow(now) {
                traffic.scale(factors.trust);
            }
            discount = decays.discount(now);
            traffic.add(Priority::Default, discount);
        }
        let seconds = traffic.seconds(20.0, discount);
        assert!((seconds - 1.0).abs() < 0.01, "{seconds}");
    }
}
