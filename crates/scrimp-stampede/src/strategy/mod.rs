//! Strategies that decide when a response is refreshed.

mod ahead;
mod revalidate;
mod xfetch;

use std::{fmt, ops::Bound, time::Duration};

pub use ahead::RefreshAhead;
pub use revalidate::StaleWhileRevalidate;
pub use xfetch::XFetch;

use scrimp_core::SettingError;

/// State of a cached response at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// Time until the response expires. Zero after expiry.
    pub remaining: Duration,
    /// Freshness lifetime of the response when it came.
    pub lifetime: Duration,
    /// Time that the upstream takes to make the response, if it was ever measured.
    pub cost: Option<Duration>,
}

/// Decides which request refreshes a response.
///
/// It is called for every hit while no refresh of the key is in flight, so it must only compute. A
/// wrong decision costs at most one call to the upstream: single flight, the budget and the rest
/// after failures belong to the layer, and hold for every strategy.
pub trait Strategy: fmt::Debug + Send + Sync + 'static {
    /// Returns the longest time before expiry at which [`is_due`](Self::is_due) may return true,
    /// for this lifetime and cost. Called once per stored response: earlier hits pay neither for
    /// random numbers nor for logarithms.
    fn reach(&self, lifetime: Duration, cost: Option<Duration>) -> Duration;

    /// Returns whether this request refreshes the response. `uniform` is drawn from (0, 1] for
    /// each request.
    fn is_due(&self, moment: &Moment, uniform: f64) -> bool;

    /// Returns the error of a setting that cannot work.
    /// [`build`](crate::StampedeLayerBuilder::build) calls it. Default: none.
    ///
    /// # Errors
    ///
    /// If a setting of the strategy is out of its range.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// Returns how long after expiry the response is still served while it is refreshed. It needs
    /// a cache that obeys `max-stale` (RFC 9111 §5.2.1.2). Default: zero.
    fn stale_for(&self) -> Duration {
        Duration::ZERO
    }
}

// === impl Moment ===

impl Moment {
    /// Returns a moment with `remaining` left of a `lifetime`, and an unknown cost.
    #[must_use]
    pub fn new(remaining: Duration, lifetime: Duration) -> Self {
        Self {
            remaining,
            lifetime,
            cost: None,
        }
    }

    /// Returns the same moment with a known cost.
    #[must_use]
    pub fn cost(self, cost: Duration) -> Self {
        Self {
            cost: Some(cost),
            ..self
        }
    }
}

/// Checks that a part of a lifetime is above 0 and at most 1.
fn check_part(owner: &'static str, setting: &'static str, part: f64) -> Result<(), SettingError> {
    let range = (Bound::Excluded(0.0), Bound::Included(1.0));
    SettingError::within(owner, setting, part, range).map(drop)
}

/// Returns a part of a time, without the panics of `Duration::mul_f64`.
fn scale(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}
