//! Refreshes early at random.

use std::{ops::Bound, time::Duration};

use scrimp_core::SettingError;

use super::{Moment, Strategy, check_part, scale};

/// −ln of the smallest probability of a draw: beyond it, no draw is early enough.
const LONGEST: f64 = 37.0;

/// A strategy that refreshes early at random: iff `now − δ·β·ln(U) ≥ expiry`.
///
/// δ is the time that the upstream takes, β the caution, U uniform in (0, 1]. Callers need not
/// know of each other: if they are independent, the number of refreshes per expiry is geometric
/// with mean e^(1/β), at any rate of requests. The first begins βδ(ln(λβδ) + 0.577) before expiry
/// on average, at λ requests per second. (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic
/// Cache Stampede Prevention, VLDB 2015.)
///
/// That gap grows with the rate and ignores the lifetime: a response that is fresh for 5 s, takes
/// 1 s and is requested a thousand times per second would be refreshed without a pause. So the gap
/// is limited to a [part](Self::within) of the lifetime.
///
/// ```
/// use scrimp_stampede::XFetch;
/// use std::time::Duration;
///
/// let cautious = XFetch::new(2.0);
/// let as_if_a_minute = XFetch::default().fixed(Duration::from_secs(60));
/// # let _ = (cautious, as_if_a_minute);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct XFetch {
    beta: f64,
    fixed: Option<Duration>,
    assumed: Duration,
    reach: f64,
}

// === impl XFetch ===

impl Default for XFetch {
    /// Returns the strategy with β = 1, which is optimal for exponential gaps.
    fn default() -> Self {
        Self {
            beta: 1.0,
            fixed: None,
            assumed: Duration::from_millis(100),
            reach: 0.5,
        }
    }
}

impl XFetch {
    /// Returns the strategy with this β: a higher value refreshes earlier. Default: 1. Range:
    /// above 0 and at most 1,000.
    #[must_use]
    pub fn new(beta: f64) -> Self {
        Self {
            beta,
            ..Self::default()
        }
    }

    /// Sets δ to this value, instead of the measured one.
    #[must_use]
    pub fn fixed(self, delta: Duration) -> Self {
        Self {
            fixed: Some(delta),
            ..self
        }
    }

    /// Sets δ to this value until it has been measured. Default: 100 ms.
    #[must_use]
    pub fn assuming(self, delta: Duration) -> Self {
        Self {
            assumed: delta,
            ..self
        }
    }

    /// Limits refreshes to this last part of the lifetime, for any draw. Default: 0.5. Range:
    /// above 0 and at most 1.
    #[must_use]
    pub fn within(self, part: f64) -> Self {
        Self {
            reach: part,
            ..self
        }
    }

    /// Returns how long before expiry this draw refreshes.
    fn gap(&self, lifetime: Duration, cost: Option<Duration>, minus_ln: f64) -> Duration {
        let delta = self.fixed.or(cost).unwrap_or(self.assumed);
        scale(delta, self.beta * minus_ln).min(scale(lifetime, self.reach))
    }
}

impl Strategy for XFetch {
    fn reach(&self, lifetime: Duration, cost: Option<Duration>) -> Duration {
        self.gap(lifetime, cost, LONGEST)
    }

    fn is_due(&self, moment: &Moment, uniform: f64) -> bool {
        self.gap(moment.lifetime, moment.cost, -uniform.ln()) >= moment.remaining
    }

    fn check(&self) -> Result<(), SettingError> {
        let range = (Bound::Excluded(0.0), Bound::Included(1_000.0));
        SettingError::within("XFetch", "beta", self.beta, range)?;
        check_part("XFetch", "within", self.reach)
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Strategy, XFetch};
    use proptest::prelude::{any, prop_assert, proptest};
    use std::time::Duration;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_draw_refreshes_exactly_from_its_gap_on() {
        // −ln(e⁻³) = 3: three seconds early at δ = 1 s and β = 1.
        let at = |remaining| Moment::new(Duration::from_millis(remaining), seconds(60));
        let draw = (-3.0_f64).exp();
        let due = |beta: f64, remaining| {
            let strategy = XFetch::new(beta);
            strategy.is_due(&at(remaining).cost(seconds(1)), draw)
        };
        assert!(due(1.0, 2_999) && !due(1.0, 3_001));
        assert!(due(2.0, 5_999) && !due(2.0, 6_001));
    }

    #[test]
    fn what_has_expired_is_due_at_any_draw() {
        let moment = Moment::new(Duration::ZERO, seconds(60)).cost(seconds(1));
        assert!(XFetch::default().is_due(&moment, 1.0));
    }

    #[test]
    fn the_gap_ends_at_a_part_of_the_lifetime() {
        let moment = |remaining| Moment::new(remaining, seconds(5)).cost(seconds(1));
        let tiny = f64::MIN_POSITIVE;
        assert!(!XFetch::default().is_due(&moment(Duration::from_millis(2_501)), tiny));
        assert!(XFetch::default().is_due(&moment(Duration::from_millis(2_500)), tiny));
        let late = XFetch::default().within(0.1);
        assert!(!late.is_due(&moment(Duration::from_millis(501)), tiny));
    }

    #[test]
    fn a_fixed_delta_counts_for_more_than_what_was_measured() {
        let strategy = XFetch::default().fixed(seconds(60));
        let moment = Moment::new(seconds(50), seconds(300)).cost(Duration::from_millis(1));
        let draw = (-1.0_f64).exp();
        assert!(strategy.is_due(&moment, draw) && !XFetch::default().is_due(&moment, draw));
    }

    #[test]
    fn what_is_not_in_the_range_is_refused_by_name() {
        for beta in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            -0.0,
            -1.0,
            1e4,
        ] {
            let error = XFetch::new(beta).check().expect_err("a bad beta");
            let text = error.to_string();
            let expected = "XFetch: `beta` must be above 0.0 and at most 1000.0, not ";
            assert!(text.starts_with(expected), "{text}");
        }
        for part in [f64::NAN, 0.0, 1.01, f64::INFINITY] {
            assert!(XFetch::default().within(part).check().is_err(), "{part}");
        }
    }

    proptest! {
        #[test]
        fn no_draw_reaches_further_than_the_strategy_says(
            (remaining, lifetime, cost) in (any::<u64>(), any::<u64>(), any::<u64>()),
            uniform in 1e-16..=1.0f64,
            beta in 0.001..1000.0f64,
        ) {
            let times = [remaining, lifetime, cost].map(Duration::from_nanos);
            let moment = Moment::new(times[0], times[1]).cost(times[2]);
            let strategy = XFetch::new(beta);
            if strategy.is_due(&moment, uniform) {
                let reach = strategy.reach(moment.lifetime, moment.cost);
                prop_assert!(moment.remaining <= reach);
            }
        }
    }
}
