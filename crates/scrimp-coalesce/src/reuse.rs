//! The settings for the reuse of finished responses.

use std::time::Duration;

use scrimp_core::SettingError;

/// Shortest time above zero.
pub(crate) const NANOSECOND: Duration = Duration::from_nanos(1);

/// Longest time that is added to an instant.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Longest time for which a failure may be reused.
const MAX_ERRORS: Duration = Duration::from_secs(1);

/// Time for which finished responses are reused, and the memory that they may use.
///
/// HTTP may shorten this time: a response with `max-age=5` is reused for five seconds. A response
/// with `no-cache`, `no-store`, or a malformed Cache-Control without a lifetime is not reused. A
/// response without any of these is reused for the whole window: enabling the window declares
/// that this is correct. [`build`](crate::CoalesceLayerBuilder::build) checks the ranges.
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

    /// Sets how long a response is reused. Default: 30 s. Range: more than zero, up to 365 days.
    #[must_use]
    pub fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Sets how long an error, or a response of the 5xx class, is reused. Default: 1 s. Range:
    /// up to 1 s, because an upstream that has recovered should be called.
    #[must_use]
    pub fn errors(self, errors: Duration) -> Self {
        Self { errors, ..self }
    }

    /// Sets the limit on the memory of all responses, in bytes. The least used are evicted
    /// first. Default: 64 MiB. Range: 1 or more.
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
