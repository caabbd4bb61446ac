//! Simulation of one expiry, request by request.

use std::time::Duration;

use scrimp::stampede::{Moment, Strategy};

/// Unit of time: the duration of a refresh.
const DELTA: Duration = Duration::from_secs(1);

/// Far longer than any gap, so that its length has no influence.
const LIFETIME: Duration = Duration::from_secs(1_000_000);

/// The window of [`Even`].
const WINDOW: f64 = 10.0;

/// Mean results of a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Refreshes per expiry.
    pub(crate) size: f64,
    /// Time of the first one before the expiry.
    pub(crate) gap: f64,
}

/// A policy that never refreshes before the expiry.
#[derive(Debug)]
pub(crate) struct Never;

/// A policy in which each request expires the response early by a uniformly random time in a
/// window.
#[derive(Debug)]
pub(crate) struct Even;

impl Strategy for Never {
    fn reach(&self, _: Duration, _: Option<Duration>) -> Duration {
        Duration::ZERO
    }

    fn is_due(&self, moment: &Moment, _: f64) -> bool {
        moment.remaining.is_zero()
    }
}

impl Strategy for Even {
    fn reach(&self, _: Duration, _: Option<Duration>) -> Duration {
        DELTA.mul_f64(WINDOW)
    }

    fn is_due(&self, moment: &Moment, uniform: f64) -> bool {
        moment.remaining <= DELTA.mul_f64(WINDOW * uniform)
    }
}

/// Returns the mean of at least four hundred expiries.
pub(crate) fn outcome(strategy: &dyn Strategy, rate: f64) -> Outcome {
    let runs = (1e7 / (rate * 15.0)).clamp(400.0, 20_000.0).ceil();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut sizes, mut gaps) = (0.0, 0.0);
    let mut left = runs;
    while left > 0.0 {
        let (size, gap) = expiry(strategy, rate, &mut random);
        sizes += f64::from(size);
        gaps += gap;
        left -= 1.0;
    }
    Outcome {
        size: sizes / runs,
        gap: gaps / runs,
    }
}

/// Counts the refreshes that begin until the first has finished, and returns the time of the first
/// before the expiry. Requests are a Poisson process: the time between two is exponential.
fn expiry(strategy: &dyn Strategy, rate: f64, random: &mut fastrand::Rng) -> (u32, f64) {
    let draw = |random: &mut fastrand::Rng| 1.0 - random.f64();
    let (mut first, mut size) = (None, 0);
    // Nothing happens before the policy's reach. XFetch with a β of up to 2 would begin before the
    // second of these with a probability of one in ten thousand.
    let reach = strategy.reach(LIFETIME, Some(DELTA)).as_secs_f64();
    let mut left = (2.0 * (rate * 2e4).ln()).min(reach);
    loop {
        left += draw(random).ln() / rate;
        if first.is_some_and(|first: f64| first - left >= 1.0) {
            return (size, first.unwrap_or_default());
        }
        let remaining = Duration::try_from_secs_f64(left).unwrap_or_default();
        let moment = Moment::new(remaining, LIFETIME).cost(DELTA);
        if strategy.is_due(&moment, draw(random)) {
            first.get_or_insert(left);
            size += 1;
        }
    }
}
