//! The setting of parts of keys.

use scrimp_core::KeyBy;

use super::CacheLayerBuilder;
use crate::entry::Store;

impl<St: Store> CacheLayerBuilder<St> {
    /// Sets a function that adds a part to the key of every request: what responses depend on besides the
    /// target, the tenant and the fields that rules or Vary name. Default: nothing.
    ///
    /// ```
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// use scrimp_core::KeyBy;
    ///
    /// /// Set by middleware outside of the cache.
    /// #[derive(Clone)]
    /// struct Experiment(&'static str);
    ///
    /// let cache = CacheLayer::builder(MemoryStore::new(64 << 20)) // bytes
    ///     .key_by(KeyBy::new(|request| {
    ///         let experiment = request.extensions.get::<Experiment>();
    ///         experiment.map(|experiment| experiment.0)
    ///     }))
    ///     .build()?;
    /// # let _ = cache;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    ///
    /// [`KeyBy`] says what the function must and must not do. It cannot open what credentials close: a
    /// response to a request with credentials is stored for others only where its origin or a rule allows
    /// that. An invalidation by URI or tag removes the responses of all parts. The response to a POST with a
    /// part is not stored for later GETs. A part that is too long for a key bypasses the cache
    /// (`detail=key-too-long`).
    pub fn key_by(self, by: KeyBy) -> Self {
        self.set(|config| config.key_by = by)
    }
}
