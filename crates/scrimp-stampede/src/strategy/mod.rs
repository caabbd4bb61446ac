//! When an answer is refreshed.

mod ahead;
mod revalidate;
mod xfetch;

use std::{fmt, ops::Bound, time::Duration};

pub use ahead::RefreshAhead;
pub use revalidate::StaleWhileRevalidate;
pub use xfetch::XFetch;

use scrimp_core::SettingError;

/// How a cached answer stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// Time until it expires; zero once it has.
    pub remaining: Duration,
    /// How long it was fresh for when it came.
    pub lifetime: Duration,
    /// How long the upstream takes to make it, if that was ever measured.
    pub cost: Option<Duration>,
}

/// Decides which request refreshes an answer.
///
/// It is asked for every hit while no refresh of the key is under way, so it computes and
/// does nothing else. What it says costs a call to the upstream at most: single flight, the
/// budget and the rest after failures are the layer's and hold for every strategy.
pub trait Strategy: fmt::Debug + Send + Sync + 'static {
    /// The longest time before expiry at which [`is_due`](Self::is_due) may say yes for an
    /// answer of this lifetime and cost. Asked once for each that comes: hits before that
    /// pay neither for chance nor for logarithms.
    fn reach(&self, lifetime: Duration, cost: Option<Duration>) -> Duration;

    /// Whether this request refreshes the answer. `uniform` is drawn anew for each, out of
    /// (0, 1].
    fn is_due(&self, moment: &Moment, uniform: f64) -> bool;

    /// Returns the error of a setting that cannot work. Called by
    /// [`build`](crate::StampedeLayerBuilder::build). Default: none.
    ///
    /// # Errors
    ///
    /// If a setting of the strategy is out of its range.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// How long after expiry the answer is still served while it is refreshed. It takes a
    /// cache that obeys `max-stale` (RFC 9111 §5.2.1.2). Default: not at all.
    fn stale_for(&self) -> Duration {
        Duration::ZERO
    }
}

// === impl Moment ===

impl Moment {
    /// A moment with `remaining` left of a `lifetime`, and a cost not known.
    #[must_use]
    pub fn new(remaining: Duration, lifetime: Duration) -> Self {
        Self {
            remaining,
            lifetime,
            cost: None,
        }
    }

    /// The same with a known cost.
    #[must_use]
    pub fn cost(self, cost: Duration) -> Self {
        Self {
            cost: Some(cost),
            ..self
        }
    }
}

/// Refuses a part of a lifetime that is not above 0 and at most 1.
fn check_part(owner: &'static str, setting: &'static str, part: f64) -> Result<(), SettingError> {
    let range = (Bound::Excluded(0.0), Bound::Included(1.0));
    SettingError::within(owner, setting, part, range).map(drop)
}

/// A part of a time, without the panics of `Duration::mul_f64`.
fn scale(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}
