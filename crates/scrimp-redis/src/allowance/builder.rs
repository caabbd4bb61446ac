//! The builder of an allowance.

use std::{fmt, time::Duration};

use scrimp_core::{SettingError, Settings};

use super::{RedisAllowance, WhenLost, WhenUnreachable};
use crate::RedisClient;

const OWNER: &str = "RedisAllowance";

/// Range of the time of a lease. A lost one is back within a minute.
const LEASE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(50);

/// The settings of an allowance.
pub(super) struct Config {
    pub(super) prefix: String,
    pub(super) lease: Duration,
    pub(super) lease_calls: u32,
    pub(super) patience: Duration,
    pub(super) max_accounts: usize,
    pub(super) when_lost: WhenLost,
    pub(super) when_unreachable: WhenUnreachable,
}

/// Builds a [`RedisAllowance`]. Made by [`RedisAllowance::builder`].
#[must_use]
pub struct RedisAllowanceBuilder {
    client: RedisClient,
    settings: Settings<Config>,
}

// === impl RedisAllowanceBuilder ===

impl RedisAllowanceBuilder {
    pub(super) fn new(client: RedisClient) -> Self {
        let defaults = Config {
            prefix: "scrimp".to_owned(),
            lease: Duration::from_secs(45),
            lease_calls: 256,
            patience: Duration::from_millis(250),
            max_accounts: 100_000,
            when_lost: WhenLost::default(),
            when_unreachable: WhenUnreachable::default(),
        };
        Self {
            client,
            settings: Settings::new(OWNER, defaults),
        }
    }

    /// Sets the beginning of the names of its keys. Processes with the same one share their accounts.
    /// Default: `scrimp`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.set(|config| config.prefix = prefix)
    }

    /// Sets the time after which the lease of a process that is gone is lost. A process renews its
    /// leases after a third of it. Default: 45 s. Range: 100 ms to 50 s.
    pub fn lease(self, time: Duration) -> Self {
        let time = SettingError::within(OWNER, "lease", time, LEASE);
        self.checked(time, |config, time| config.lease = time)
    }

    /// Sets for about how many calls a process takes a lease while much is left. It asks for more when
    /// three quarters are used. Default: 256. Range: 1 to 1,000,000.
    pub fn lease_calls(self, calls: u32) -> Self {
        let calls = SettingError::within(OWNER, "lease_calls", calls, 1..=1_000_000);
        self.checked(calls, |config, calls| config.lease_calls = calls)
    }

    /// Sets the time in which other processes return what they hold free when too little is left. A
    /// request waits for it at most once or twice. Afterwards, what a process holds that has not
    /// answered counts as used until its lease ends. Default: 250 ms. Range: 1 ms to 10 s.
    pub fn patience(self, time: Duration) -> Self {
        let range = Duration::from_millis(1)..=Duration::from_secs(10);
        let time = SettingError::within(OWNER, "patience", time, range);
        self.checked(time, |config, time| config.patience = time)
    }

    /// Sets the number of accounts that this process knows at a time. Above it, the least recently used
    /// one of which all is settled and reported makes room; if there is none, amounts of new accounts
    /// are refused. Default: 100,000. Range: 1 or more.
    pub fn max_accounts(self, count: usize) -> Self {
        let count = SettingError::within(OWNER, "max_accounts", count, 1..);
        self.checked(count, |config, count| config.max_accounts = count)
    }

    /// Sets what becomes of a lease that a process has not given back in time. Set the same one in all
    /// processes. Default: [`WhenLost::GiveBack`].
    pub fn when_lost(self, policy: WhenLost) -> Self {
        self.set(|config| config.when_lost = policy)
    }

    /// Sets what becomes of amounts while Redis does not answer. Default:
    /// [`WhenUnreachable::SpendLease`].
    pub fn when_unreachable(self, policy: WhenUnreachable) -> Self {
        self.set(|config| config.when_unreachable = policy)
    }

    /// Returns the allowance. It asks Redis when it is first used.
    ///
    /// # Errors
    ///
    /// Returns the first invalid setting.
    pub fn build(self) -> Result<RedisAllowance, SettingError> {
        Ok(RedisAllowance::with(self.client, self.settings.finish()?))
    }

    fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        let settings = self.settings.set(change);
        Self { settings, ..self }
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

impl fmt::Debug for RedisAllowanceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAllowanceBuilder")
            .finish_non_exhaustive()
    }
}
