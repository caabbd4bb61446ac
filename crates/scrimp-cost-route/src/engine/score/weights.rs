//! Weights of the properties of a candidate.

use std::ops::Range;

use scrimp_core::{SettingError, extensions::Priority};

use super::setting;

/// Range of each weight.
const RANGE: Range<f64> = 0.0..f64::INFINITY;

/// Weights per priority.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// For [`Priority::High`].
    pub high: Weight,
    /// For [`Priority::Default`].
    pub default: Weight,
    /// For [`Priority::Low`].
    pub low: Weight,
}

/// Weights of the properties of a candidate. Range: 0 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// Weight of the price.
    pub cost: f64,
    /// Weight of the time until the answer is whole.
    pub latency: f64,
    /// Weight of the quality of answers.
    pub quality: f64,
    /// Weight of the share of calls that succeed.
    pub reliability: f64,
}

// === impl Weights ===

impl Weights {
    pub(super) fn of(&self, priority: Priority) -> Weight {
        match priority {
            Priority::High => self.high,
            Priority::Default => self.default,
            Priority::Low => self.low,
        }
    }

    /// Checks the weights.
    ///
    /// # Errors
    ///
    /// If one is out of its range.
    pub(super) fn check(&self) -> Result<(), SettingError> {
        for priority in [Priority::High, Priority::Default, Priority::Low] {
            for (part, value) in self.of(priority).parts() {
                let setting = setting(priority, part);
                SettingError::within("Weights", setting, value, RANGE)?;
            }
        }
        Ok(())
    }
}

impl Default for Weights {
    /// Weighs latency and quality most at high priority, and the price at low.
    fn default() -> Self {
        let weight = |cost, latency, quality, reliability| Weight {
            cost,
            latency,
            quality,
            reliability,
        };
        Self {
            high: weight(0.1, 0.4, 0.3, 0.2),
            default: weight(0.3, 0.3, 0.2, 0.2),
            low: weight(0.6, 0.1, 0.2, 0.1),
        }
    }
}

// === impl Weight ===

impl Weight {
    fn parts(&self) -> [(&'static str, f64); 4] {
        [
            ("cost", self.cost),
            ("latency", self.latency),
            ("quality", self.quality),
            ("reliability", self.reliability),
        ]
    }
}
