//! The builder of a log.

use std::{fmt, time::Duration};

use scrimp_core::{SettingError, Settings};

use super::{RedisLog, Timing, WhenBehind, server::ServerLog};
use crate::RedisClient;

const OWNER: &str = "RedisLog";

/// Longest name, in bytes.
const MAX_NAME: usize = 200;

/// Range of the number of records kept.
const KEPT: std::ops::RangeInclusive<u64> = 100..=10_000_000;

/// The settings of a log.
struct Config {
    name: String,
    kept: u64,
    when_behind: WhenBehind,
}

/// Builds a [`RedisLog`]. Made by [`RedisLog::builder`].
#[must_use]
pub struct RedisLogBuilder {
    client: RedisClient,
    settings: Settings<Config>,
}

// === impl RedisLogBuilder ===

impl RedisLogBuilder {
    pub(super) fn new(client: RedisClient) -> Self {
        let defaults = Config {
            name: "scrimp".to_owned(),
            kept: 65_536,
            when_behind: WhenBehind::default(),
        };
        Self {
            client,
            settings: Settings::new(OWNER, defaults),
        }
    }

    /// Sets the name of the log, of 1 to 200 bytes without braces. Processes with the same one share
    /// a log. Default: `scrimp`.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        let length = SettingError::within(OWNER, "name", name.len(), 1..=MAX_NAME);
        let name = length.and_then(|_| match name.contains(['{', '}']) {
            false => Ok(name),
            true => {
                let problem = "must have no braces, which choose the slot in a cluster";
                Err(SettingError::new(OWNER, "name", problem))
            }
        });
        self.checked(name, |config, name| config.name = name)
    }

    /// Sets the number of records that Redis keeps at least. A process that was away for more of them
    /// uses nothing from before, and a process that starts uses nothing that was stored before the
    /// first of them. Default: 65,536, each of about 100 bytes. Range: 100 to 10,000,000.
    pub fn kept(self, records: u64) -> Self {
        let records = SettingError::within(OWNER, "kept", records, KEPT);
        self.checked(records, |config, records| config.kept = records)
    }

    /// Sets the policy for a process that may have missed an invalidation. Default:
    /// [`WhenBehind::Bypass`]. Range of a time: up to a day.
    pub fn when_behind(self, policy: WhenBehind) -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        let policy = match policy {
            WhenBehind::UseFor(time) => {
                SettingError::within(OWNER, "when_behind", time, Duration::ZERO..=day)
                    .map(|_| policy)
            }
            WhenBehind::Bypass => Ok(policy),
        };
        self.checked(policy, |config, policy| config.when_behind = policy)
    }

    /// Returns the log, which starts to follow what other processes append.
    ///
    /// # Errors
    ///
    /// Returns the first invalid setting.
    pub fn build(self) -> Result<RedisLog, SettingError> {
        let config = self.settings.finish()?;
        let server = ServerLog::new(self.client, &config.name, config.kept);
        let timing = Timing {
            when_behind: config.when_behind,
            ..Timing::default()
        };
        Ok(RedisLog::start(server, timing))
    }

    fn checked<T>(
        self,
        value: Result<T, SettingError>,
        change: impl FnOnce(&mut Config, T),
    ) -> Self {
        let settings = self.settings.checked(value, change);
        Self { settings, ..self }
    }
}

impl fmt::Debug for RedisLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLogBuilder").finish_non_exhaustive()
    }
}
