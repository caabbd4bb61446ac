//! Arrival rate of requests.

use std::time::Duration;

use tokio::time::Instant;

/// Time in which the weight of an arrival falls to 1/e.
const MEMORY: Duration = Duration::from_secs(1);

/// A decayed arrival rate.
///
/// For a Poisson process of rate λ, the sum of `exp(-age/τ)` over past arrivals is λτ on
/// average. The newest arrival adds 1, which is subtracted again.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    weight: f64,
    last: Option<Instant>,
}

// === impl Rate ===

impl Rate {
    pub(crate) fn arrival(&mut self, now: Instant) {
        self.weight = self.decayed(now) + 1.0;
        self.last = Some(now);
    }

    /// Returns arrivals per second, without the last one.
    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        (self.decayed(now) - 1.0).max(0.0) / MEMORY.as_secs_f64()
    }

    fn decayed(&self, now: Instant) -> f64 {
        let Some(last) = self.last else { return 0.0 };
        let age = now.saturating_duration_since(last);
        if age.is_zero() {
            return self.weight;
        }
        self.weight * (-age.as_secs_f64() / MEMORY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_arrivals_are_measured_within_15_percent() {
        for per_second in [5_u32, 100, 2_000] {
            let (mut rate, mut now) = (Rate::default(), Instant::now());
            for _ in 0..per_second * 10 {
                now += Duration::from_secs(1) / per_second;
                rate.arrival(now);
            }
            let (seen, expected) = (rate.per_second(now), f64::from(per_second));
            assert!((seen / expected - 1.0).abs() < 0.15, "{seen} of {expected}");
        }
    }

    #[test]
    fn a_single_arrival_has_no_rate() {
        let mut rate = Rate::default();
        let now = Instant::now();
        rate.arrival(now);
        assert!(rate.per_second(now).abs() < f64::EPSILON);
    }
}
