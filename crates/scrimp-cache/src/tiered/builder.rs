//! The builder of a tiered store.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use scrimp_core::{Clock, SettingError, Settings};

use super::{SavingPerByte, TierPolicy, Tiered};

/// The settings of a tiered store.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) policy: Arc<dyn TierPolicy>,
    pub(super) clock: Clock,
    pub(super) soft: Duration,
    pub(super) hard: Duration,
    pub(super) writes: usize,
    pub(super) monitor: Option<NonZeroU64>,
}

/// Builds a [`Tiered`] store.
#[derive(Debug)]
#[must_use]
pub struct TieredBuilder<U, L> {
    tiers: (U, L),
    settings: Settings<Config>,
}

// === impl TieredBuilder ===

impl<U, L> TieredBuilder<U, L> {
    pub(super) fn new(upper: U, lower: L) -> Self {
        let defaults = Config {
            policy: Arc::new(SavingPerByte::default()),
            clock: Clock::default(),
            soft: Duration::from_millis(10),
            hard: Duration::from_millis(50),
            writes: 256,
            monitor: None,
        };
        Self {
            tiers: (upper, lower),
            settings: Settings::new("Tiered", defaults),
        }
    }

    /// Sets which responses are kept in which tier. Default: [`SavingPerByte`].
    pub fn policy(self, policy: impl TierPolicy) -> Self {
        self.map(|settings| settings.set(|config| config.policy = Arc::new(policy)))
    }

    /// Sets the clock. It must be the layer's clock. Default: the machine's clocks.
    pub fn clock(self, clock: Clock) -> Self {
        self.map(|settings| settings.set(|config| config.clock = clock))
    }

    /// Sets the longest wait for a tier if a response that was kept beyond its time can take the
    /// place of a better one. The look-up goes on in the background then. At most 10 s, and not above
    /// the hard time-out. Default: 10 ms.
    pub fn soft_timeout(self, time: Duration) -> Self {
        self.map(|settings| {
            let range = Duration::ZERO..=Duration::from_secs(10);
            settings.within("soft_timeout", time, range, |config, time| {
                config.soft = time;
            })
        })
    }

    /// Sets the longest wait of a request for both tiers together, from 1 ms to 10 s. Tiers below
    /// are part of it. Default: 50 ms.
    pub fn hard_timeout(self, time: Duration) -> Self {
        self.map(|settings| {
            let range = Duration::from_millis(1)..=Duration::from_secs(10);
            settings.within("hard_timeout", time, range, |config, time| {
                config.hard = time;
            })
        })
    }

    /// Sets the number of writes to the lower tier that may wait at the same time, from 1 to 65,536.
    /// Further ones are dropped and counted. Default: 256.
    pub fn max_writes(self, writes: usize) -> Self {
        self.map(|settings| {
            settings.within("max_writes", writes, 1..=1 << 16, |config, writes| {
                config.writes = writes;
            })
        })
    }

    /// Compares one in `one_in` answers of the upper tier with the lower one, in the background. If
    /// that has a later response with another body, the answer was a stale read: this process has
    /// missed a change. One that was purged or replaced meanwhile is none. [`TierStats`](crate::TierStats)
    /// counts them. No request waits for it, and at most 16 comparisons are made at the same time.
    /// [`CacheLayerBuilder::monitor`](crate::CacheLayerBuilder::monitor) compares with the upstream.
    /// Default: none. Range: 1 or more.
    pub fn monitor(self, one_in: u64) -> Self {
        self.map(|settings| {
            settings.within("monitor", one_in, 1.., |config, one_in| {
                config.monitor = NonZeroU64::new(one_in);
            })
        })
    }

    /// Builds the store.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range, or the soft time-out is above the hard one.
    pub fn build(self) -> Result<Tiered<U, L>, SettingError> {
        let config = self.settings.finish()?;
        let (soft, hard) = (config.soft, config.hard);
        SettingError::within("Tiered", "soft_timeout", soft, ..=hard)?;
        Ok(Tiered::with(self.tiers, config))
    }

    fn map(self, change: impl FnOnce(Settings<Config>) -> Settings<Config>) -> Self {
        Self {
            tiers: self.tiers,
            settings: change(self.settings),
        }
    }
}
