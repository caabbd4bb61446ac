//! The builder and its settings.

use std::{fmt, sync::Arc, time::Duration};

use scrimp_core::{Clock, SettingError, Settings};

use crate::{
    ValueCache,
    config::{Config, OWNER},
};

/// Settings of a [`ValueCache`].
#[must_use]
pub struct ValueCacheBuilder<V>(Settings<Config<V>>);

// === impl ValueCache ===

impl<V: Send + Sync + 'static> ValueCache<V> {
    /// Starts a builder of a cache for this many bytes. Range: 1 or more.
    pub fn builder(max_bytes: u64) -> ValueCacheBuilder<V> {
        ValueCacheBuilder::new(max_bytes)
    }
}

// === impl ValueCacheBuilder ===

impl<V: Send + Sync + 'static> ValueCacheBuilder<V> {
    fn new(max_bytes: u64) -> Self {
        let settings = Settings::new(OWNER, Config::default()).within(
            "max_bytes",
            max_bytes,
            1..,
            |config, max_bytes| config.max_bytes = max_bytes,
        );
        Self(settings)
    }

    /// Sets the time after which a value is made again. Default: none, it stays until it is removed or evicted.
    /// Range: 1 ns or more.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        let least = Duration::from_nanos(1);
        Self(
            self.0
                .within("lifetime", lifetime, least.., |config, lifetime| {
                    config.lifetime = Some(lifetime);
                }),
        )
    }

    /// Sets how many bytes a value owns besides its own size, such as the capacity of a string. Default: none.
    pub fn weight(self, weight: impl Fn(&V) -> u64 + Send + Sync + 'static) -> Self {
        Self(self.0.set(|config| config.weight = Some(Arc::new(weight))))
    }

    /// Sets the clock. Default: that of the machine.
    pub fn clock(self, clock: Clock) -> Self {
        Self(self.0.set(|config| config.clock = clock))
    }

    /// Builds the cache.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range; the error names both.
    pub fn build(self) -> Result<ValueCache<V>, SettingError> {
        Ok(ValueCache::with(self.0.finish()?))
    }
}

impl<V> fmt::Debug for ValueCacheBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueCacheBuilder").finish_non_exhaustive()
    }
}
