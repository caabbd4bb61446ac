//! The builder and its settings.

use std::{hash::Hash, sync::Arc, time::Duration};

use http::request::Parts;
use scrimp_core::{SettingError, Settings, SharedRate};

use crate::{
    LimitLayer,
    config::{Config, OWNER},
};

/// Settings of a [`LimitLayer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LimitLayerBuilder(Settings<Config>);

scrimp_core::unbuilt!(LimitLayerBuilder);

// === impl LimitLayer ===

impl LimitLayer {
    /// Starts a limit of `count` units per second. Range: 1 or more.
    pub fn per_second(count: u32) -> LimitLayerBuilder {
        Self::per(count, Duration::from_secs(1))
    }

    /// Starts a limit of `count` units per minute. Range: 1 or more.
    pub fn per_minute(count: u32) -> LimitLayerBuilder {
        Self::per(count, Duration::from_secs(60))
    }

    /// Starts a limit of `count` units per `time`. Range: 1 or more; 1 ns or more.
    pub fn per(count: u32, time: Duration) -> LimitLayerBuilder {
        LimitLayerBuilder::new(count, time)
    }
}

// === impl LimitLayerBuilder ===

impl LimitLayerBuilder {
    fn new(count: u32, per: Duration) -> Self {
        let settings = Settings::new(OWNER, Config::new(Duration::from_secs(1)))
            .within("count", count, 1.., |config, count| config.count = count)
            .within("per", per, Duration::from_nanos(1).., |config, per| {
                config.per = per;
            });
        Self(settings)
    }

    /// Sets how much may pass at once after a pause, in units of weight. Default: what passes in
    /// the time of the rate, such as 10 for `per_second(10)`. Range: 1 or more; a burst must be
    /// replenished within 366 days.
    pub fn burst(self, burst: u32) -> Self {
        Self(self.0.within("burst", burst, 1.., |config, burst| {
            config.burst = Some(burst);
        }))
    }

    /// Sets how much of the limit a request takes: tokens, bytes, rows. Zero takes nothing.
    /// Default: 1 for each request.
    pub fn weight(self, weight: impl Fn(&Parts) -> u32 + Send + Sync + 'static) -> Self {
        Self(self.0.set(|config| config.weight = Some(Arc::new(weight))))
    }

    /// Sets a limit of its own for each key: a tenant, a credential, an address. Requests with
    /// `None` share one limit. Only a hash of a key is kept. Default: one limit for all.
    ///
    /// ```
    /// use scrimp_core::extensions::Tenant;
    /// use scrimp_limit::LimitLayer;
    ///
    /// let limit = LimitLayer::per_second(10)
    ///     .key(|parts| parts.extensions.get::<Tenant>().cloned())
    ///     .build()?;
    /// # let _ = limit;
    /// # Ok::<(), scrimp_limit::SettingError>(())
    /// ```
    pub fn key<K: Hash>(self, key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let write = move |parts: &Parts, mut hasher: &mut dyn std::hash::Hasher| {
            let key = key(parts);
            key.inspect(|key| key.hash(&mut hasher)).is_some()
        };
        Self(self.0.set(|config| config.key = Some(Arc::new(write))))
    }

    /// Shares the limit with all processes that have the same allowance, such as a `RedisRate` of
    /// `scrimp-redis`, and the same rate. A [key](Self::key) must then be hashed alike by all of them:
    /// by the same build. Requests that wait for the answer of the others count towards
    /// [`max_waiters`](Self::max_waiters). While the others cannot be asked, this process keeps to the limit on its own.
    /// Default: the limit is that of this process.
    pub fn shared(self, rate: impl SharedRate) -> Self {
        Self(self.0.set(|config| config.shared = Some(Arc::new(rate))))
    }

    /// Sets how many keys are known at a time, 48 bytes each. A key whose limit is full again is
    /// forgotten without loss. If all keys have used theirs, new keys share one limit; so a flood
    /// of invented keys resets the limit of none. Default: 65,536. Range: 1 or more.
    pub fn max_keys(self, count: usize) -> Self {
        let set = |config: &mut Config, count| config.max_keys = count;
        Self(self.0.within("max_keys", count, 1.., set))
    }

    /// Sets how long a request may wait. One that would have to wait longer is refused at once,
    /// with 429 and Retry-After. Zero: no request waits. Default: 10 s. Range: zero or more.
    pub fn max_wait(self, time: Duration) -> Self {
        Self(self.0.set(|config| config.max_wait = time))
    }

    /// Sets how many requests may wait at a time, over all keys. Above it, requests are refused
    /// with 503 and Retry-After. Default: 1,024. Range: zero or more.
    pub fn max_waiters(self, count: usize) -> Self {
        Self(self.0.set(|config| config.max_waiters = count))
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range. The error names the first one.
    pub fn build(self) -> Result<LimitLayer, SettingError> {
        let config = self.0.finish()?;
        let quota = config.quota()?;
        Ok(LimitLayer::of(config, quota))
    }
}
