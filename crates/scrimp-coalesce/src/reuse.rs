//! The setting of how long finished answers are reused.

use std::time::Duration;

use scrimp_core::SettingError;

/// The least time that is more than none.
pub(crate) const NANOSECOND: Duration = Duration::from_nanos(1);

/// The longest time that is added to an instant.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Longest time for which a failure may be reused.
const MAX_ERRORS: Duration = Duration::from_secs(1);

/// Sets how long finished answers are reused, and how much of them is kept.
///
/// HTTP has the last word where it says less: an answer with `max-age=5` is reused for five
/// seconds, one with `no-cache` or `no-store`, or with a Cache-Control that is malformed and
/// gives no lifetime, not at all. One that says nothing is reused for the whole window:
/// switching it on says that this is all right. What is out of range is refused by
/// [`build`](crate::CoalesceLayerBuilder::build).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReuseWindow {
    pub(crate) time: Duration,
    pub(crate) errors: Duration,
    pub(crate) max_bytes: u64,
}

// === impl ReuseWindow ===

impl ReuseWindow {
    /// Returns a window of 30 seconds, one second for failures, and 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self {
            time: Duration::from_secs(30),
            errors: MAX_ERRORS,
            max_bytes: 64 << 20,
        }
    }

    /// Sets how long an answer is reused. Default: 30 s. Range: more than zero, up to 365 days.
    #[must_use]
    pub fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Sets how long an error, or an answer of the 5xx class, is reused. Default: 1 s. Range:
    /// up to 1 s, as an upstream that is back should be asked.
    #[must_use]
    pub fn errors(self, errors: Duration) -> Self {
        Self { errors, ..self }
    }

    /// Sets what all answers together may weigh, in bytes. The least used go first. Default:
    /// 64 MiB. Range: 1 or more.
    #[must_use]
    pub fn max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    pub(crate) fn checked(self) -> Result<Self, SettingError> {
        const OWNER: &str = "ReuseWindow";
        SettingError::within(OWNER, "time", self.time, NANOSECOND..=YEAR)?;
        SettingError::within(OWNER, "errors", self.errors, ..=MAX_ERRORS)?;
        SettingError::within(OWNER, "max_bytes", self.max_bytes, 1..)?;
        Ok(self)
    }
}

impl Default for ReuseWindow {
    fn default() -> Self {
        Self::new()
    }
}
