//! Refreshes at a set part of the lifetime.

use std::time::Duration;

use scrimp_core::SettingError;

use super::{Moment, Strategy, check_part, scale};

/// A strategy that refreshes with the first hit in the last part of the lifetime.
///
/// It is simple and exact, and suits a process that is alone. Many processes over one cache all
/// refresh at the same moment, which [`XFetch`](crate::XFetch) avoids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefreshAhead {
    part: f64,
}

// === impl RefreshAhead ===

impl RefreshAhead {
    /// Returns the strategy for this last part of the lifetime: 0.1 is the last tenth. Range:
    /// above 0 and at most 1.
    #[must_use]
    pub fn new(part: f64) -> Self {
        Self { part }
    }
}

impl Strategy for RefreshAhead {
    fn reach(&self, lifetime: Duration, _cost: Option<Duration>) -> Duration {
        scale(lifetime, self.part)
    }

    fn is_due(&self, moment: &Moment, _uniform: f64) -> bool {
        moment.remaining <= self.reach(moment.lifetime, None)
    }

    fn check(&self) -> Result<(), SettingError> {
        check_part("RefreshAhead", "part", self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_the_lifetime_is_due_whatever_the_draw() {
        let strategy = RefreshAhead::new(0.2);
        let lifetime = Duration::from_secs(100);
        for (remaining, due) in [(21, false), (20, true), (0, true)] {
            let moment = Moment::new(Duration::from_secs(remaining), lifetime);
            assert_eq!(strategy.is_due(&moment, 1.0), due, "{remaining}");
            assert_eq!(strategy.is_due(&moment, 1e-9), due, "{remaining}");
        }
    }
}
