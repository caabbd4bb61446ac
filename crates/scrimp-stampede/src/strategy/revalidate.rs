//! Refreshes after expiry, behind the stale response.

use std::time::Duration;

use super::{Moment, Strategy};

/// A strategy that serves an expired response for a while, and refreshes it behind the first
/// request (RFC 5861 §3, for origins that do not ask for it themselves).
///
/// No refresh is ever early, so none is wasted. Responses may be stale by as much as the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleWhileRevalidate {
    window: Duration,
}

// === impl StaleWhileRevalidate ===

impl StaleWhileRevalidate {
    /// Returns the strategy for this long after expiry, in whole seconds, rounded down. A cache
    /// refuses if the response forbids it (`must-revalidate` and similar directives).
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
