//! The settings.

use std::{fmt, hash::Hasher, num::NonZeroU32, sync::Arc, time::Duration};

use governor::Quota;
use http::request::Parts;
use scrimp_core::{SettingError, SharedRate};

/// The name of the built type, for errors.
pub(crate) const OWNER: &str = "LimitLayer";

/// Longest time in which an empty limit may fill up: far below what 64 bits of nanoseconds hold.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

pub(crate) type WeightFn = dyn Fn(&Parts) -> u32 + Send + Sync;
/// Writes the caller's key into a hasher. Returns false if the request has none.
pub(crate) type KeyFn = dyn Fn(&Parts, &mut dyn Hasher) -> bool + Send + Sync;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) count: u32,
    pub(crate) per: Duration,
    pub(crate) burst: Option<u32>,
    pub(crate) weight: Option<Arc<WeightFn>>,
    pub(crate) key: Option<Arc<KeyFn>>,
    pub(crate) shared: Option<Arc<dyn SharedRate>>,
    pub(crate) max_keys: usize,
    pub(crate) max_wait: Duration,
    pub(crate) max_waiters: usize,
}

// === impl Config ===

impl Config {
    pub(crate) fn new(per: Duration) -> Self {
        Self {
            count: 1,
            per,
            burst: None,
            weight: None,
            key: None,
            shared: None,
            max_keys: 65_536,
            max_wait: Duration::from_secs(10),
            max_waiters: 1_024,
        }
    }

    /// Returns the time for one unit of weight, and the burst.
    ///
    /// # Errors
    ///
    /// If an empty limit would need more than a year to fill up.
    pub(crate) fn quota(&self) -> Result<Quota, SettingError> {
        let each = (self.per / self.count.max(1)).max(Duration::from_nanos(1));
        let burst = self.burst.unwrap_or(self.count).max(1);
        let filled = each.checked_mul(burst).is_some_and(|time| time <= LONGEST);
        let quota = Quota::with_period(each).zip(NonZeroU32::new(burst));
        match quota {
            Some((quota, burst)) if filled => Ok(quota.allow_burst(burst)),
            _ => Err(SettingError::new(
                OWNER,
                "burst",
                format_args!(
                    "must be replenished within 366 days, but is {burst}, each in {each:?}"
                ),
            )),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("count", &self.count)
            .field("per", &self.per)
            .field("burst", &self.burst)
            .field("shared", &self.shared)
            .field("max_keys", &self.max_keys)
            .field("max_wait", &self.max_wait)
            .field("max_waiters", &self.max_waiters)
            .finish_non_exhaustive()
    }
}
