//! The setting of comparisons with the upstream.

use std::num::NonZeroU64;

use scrimp_core::{BoxError, Money, SettingError};

use super::{CacheLayerBuilder, OWNER};
use crate::{config::Config, entry::Store, monitor::Sampling};

impl<St: Store> CacheLayerBuilder<St> {
    /// Compares one in `one_in` fresh hits with the upstream, in the background, for at most this much
    /// money in each hour. Needs a [`price`](Self::price) above zero, in the same currency.
    ///
    /// The comparison is a refresh: its call is conditional if that saves a body, and what it brings takes
    /// the place of the response that was served. If that has another body, the hit was a stale read.
    /// [`CacheStats`](crate::CacheStats) counts comparisons and stale reads, with the age of the oldest. To
    /// compare with a lower tier costs nothing: see [`TieredBuilder::monitor`](crate::TieredBuilder::monitor).
    ///
    /// The cost of a call is reserved before it: what the last call for this response cost, and no less than
    /// the price. A call that is dearer than that is paid from the rest of the hour. The ledger has its calls
    /// on lines of the layer `cache-monitor`, too. Default: no comparison. Range: 1 or more; 0 or more.
    ///
    /// ```
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// let cache = CacheLayer::builder(MemoryStore::new(64 << 20)) // bytes
    ///     .price("0.002")
    ///     .monitor(1_000, "0.10")
    ///     .build()?;
    /// # let _ = cache;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    pub fn monitor(
        self,
        one_in: u64,
        per_hour: impl TryInto<Money, Error: Into<BoxError>>,
    ) -> Self {
        let shape = "an amount such as 0.10";
        let per_hour = SettingError::read(OWNER, "monitor", per_hour, shape);
        let per_hour = per_hour.and_then(|amount: Money| {
            SettingError::within(OWNER, "monitor", amount, Money::zero(amount.currency())..)
        });
        let one_in = SettingError::within(OWNER, "monitor", one_in, 1..);
        let both = one_in.and_then(|one_in| per_hour.map(|per_hour| (one_in, per_hour)));
        self.checked(both, |config, (one_in, per_hour)| {
            config.monitor = NonZeroU64::new(one_in).map(|one_in| Sampling { one_in, per_hour });
        })
    }
}

/// Checks it together with the price.
pub(super) fn check(config: &Config) -> Result<(), SettingError> {
    let Some(sampling) = config.monitor else {
        return Ok(());
    };
    let price = config.price;
    if price.pico() > 0 && price.currency() == sampling.per_hour.currency() {
        return Ok(());
    }
    let problem = "must be used with a `price` above zero in the same currency";
    Err(SettingError::new(OWNER, "monitor", problem))
}
