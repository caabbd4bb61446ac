//! Refresh after expiry, behind the stale answer.

use std::time::Duration;

use super::{Moment, Strategy};

/// Serves what has expired for a while longer, and refreshes it behind the first who asks
/// (RFC 5861 §3, for origins that do not ask for it themselves).
///
/// No refresh is ever early, so none is wasted; answers may be stale by as much as the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleWhileRevalidate {
    window: Duration,
}

// === impl StaleWhileRevalidate ===

impl StaleWhileRevalidate {
    /// For so long after expiry, in whole seconds, rounded down. A cache refuses where the
    /// response forbids it (`must-revalidate` and its kin).
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self { window }
    }
}

impl Strategy for StaleWhileRevalidate {
    fn reach(&self, _lifetime: Duration, _cost: Option<Duration>) -> Duration {
        Duration::ZERO
    }

    fn is_due(&self, moment: &Moment, _uniform: f64) -> bool {
        moment.remaining.is_zero()
    }

    fn stale_for(&self) -> Duration {
        self.window
    }
}
