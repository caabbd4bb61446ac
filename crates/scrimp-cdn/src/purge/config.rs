//! The settings.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::RateLimit;

/// The name of the built type, for errors.
pub(super) const OWNER: &str = "CdnPurger";

#[derive(Clone)]
pub(super) struct Config {
    pub(super) capacity: usize,
    pub(super) gather: Duration,
    pub(super) repeat_after: Option<Duration>,
    pub(super) parallel: usize,
    pub(super) timeout: Duration,
    pub(super) first_retry: Duration,
    pub(super) last_retry: Duration,
    pub(super) skip_unsupported: bool,
    pub(super) request_limit: Option<Arc<dyn RateLimit>>,
    pub(super) item_limit: Option<Arc<dyn RateLimit>>,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            gather: Duration::from_millis(10),
            repeat_after: None,
            parallel: 4,
            timeout: Duration::from_secs(30),
            first_retry: Duration::from_millis(500),
            last_retry: Duration::from_secs(60),
            skip_unsupported: false,
            request_limit: None,
            item_limit: None,
        }
    }
}

impl Config {
    /// Returns the wait after a number of failures in a row: twice as long after each, of which a
    /// random part of up to a half is left out.
    pub(super) fn retry(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1).min(30));
        let wait = self.first_retry.saturating_mul(doubled.unwrap_or(u32::MAX));
        wait.min(self.last_retry)
            .mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("capacity", &self.capacity)
            .field("gather", &self.gather)
            .field("repeat_after", &self.repeat_after)
            .field("parallel", &self.parallel)
            .field("timeout", &self.timeout)
            .field("retry", &(self.first_retry..=self.last_retry))
            .field("skip_unsupported", &self.skip_unsupported)
            .finish_non_exhaustive()
    }
}
