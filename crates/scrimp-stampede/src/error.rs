//! What is wrong with a setting.

use std::fmt;

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingError {
    name: &'static str,
    range: &'static str,
    value: f64,
}

// === impl SettingError ===

impl SettingError {
    /// The value, if it lies within what is accepted. NaN lies nowhere.
    pub(crate) fn check(
        name: &'static str,
        value: f64,
        accepted: std::ops::RangeInclusive<f64>,
        range: &'static str,
    ) -> Result<f64, Self> {
        if accepted.contains(&value) && value > 0.0 {
            return Ok(value);
        }
        Err(Self { name, range, value })
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, range, value } = self;
        write!(f, "{name} must be {range}, and is {value}")
    }
}

impl std::error::Error for SettingError {}
