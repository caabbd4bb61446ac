//! The setting of the longest time that bytes are stored.

use std::time::Duration;

use scrimp_core::SettingError;

use super::{CacheLayerBuilder, OWNER};
use crate::entry::Store;

impl<St: Store> CacheLayerBuilder<St> {
    /// Sets the longest time that a response is stored, in every tier, since the origin has sent or last
    /// confirmed it. It comes before rules, and before what the origin allows: no lifetime, no stale use
    /// and no fail-safe goes beyond it. Default: no limit. Range: 1 s or more.
    ///
    /// After this time, a response is not used any more. Its bytes are removed from memory, files and an
    /// object store by [`CacheLayer::sweep`](crate::CacheLayer::sweep), and from Redis by Redis. A store that
    /// keeps a response for its validator keeps it for a minute longer.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// # async fn run() -> Result<(), scrimp_cache::SettingError> {
    /// let cache = CacheLayer::builder(MemoryStore::new(64 << 20))
    ///     .retention(Duration::from_secs(30 * 24 * 60 * 60))
    ///     .build()?;
    /// let sweeping = cache.clone();
    /// tokio::spawn(async move {
    ///     let mut hourly = tokio::time::interval(Duration::from_secs(60 * 60));
    ///     loop {
    ///         hourly.tick().await;
    ///         if let Err(error) = sweeping.sweep().await {
    ///             eprintln!("old responses are still there: {error}");
    ///         }
    ///     }
    /// });
    /// # Ok(()) }
    /// ```
    pub fn retention(self, time: Duration) -> Self {
        let range = Duration::from_secs(1)..;
        let time = SettingError::within(OWNER, "retention", time, range);
        self.checked(time, |config, time| config.retention = Some(time))
    }
}
