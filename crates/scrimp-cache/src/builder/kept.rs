//! The settings of extensions that are stored.

use scrimp_core::{SettingError, extensions::is_of_one_call};

use super::{CacheLayerBuilder, OWNER};
use crate::entry::Store;

impl<St: Store> CacheLayerBuilder<St> {
    /// Stores the extension of this type with each response that has one, so that a response from the store
    /// carries a copy of it, as the first one did. Default: none are stored.
    ///
    /// ```
    /// # use scrimp_cache::{CacheLayer, MemoryStore};
    /// /// Which handler has made a response, for a layer outside.
    /// #[derive(Clone)]
    /// struct Handler(&'static str);
    ///
    /// let cache = CacheLayer::builder(MemoryStore::new(64 << 20)) // bytes
    ///     .keep_extension::<Handler>()
    ///     .build()?;
    /// # let _ = cache;
    /// # Ok::<(), scrimp_cache::SettingError>(())
    /// ```
    ///
    /// All callers who get the stored response get the extension too, so it must say nothing of the
    /// caller whose request was sent. It is kept in memory: a store that encodes responses drops it. A
    /// 304 leaves it as it is. It weighs its own size and 64 bytes;
    /// [`keep_extension_weighing`](Self::keep_extension_weighing) adds what it refers to.
    ///
    /// `CoalesceLayer` gives each caller of a shared response all of its extensions, and
    /// `StampedeLayer` passes on those of the cache inside. Range: types that are not about one call
    /// ([`is_of_one_call`](scrimp_core::extensions::is_of_one_call)).
    pub fn keep_extension<T: Clone + Send + Sync + 'static>(self) -> Self {
        self.keep_extension_weighing::<T>(|_| 0)
    }

    /// Stores the extension of this type as [`keep_extension`](Self::keep_extension) does. `weigh` returns
    /// the bytes of memory that a value refers to, such as the length of a text.
    pub fn keep_extension_weighing<T: Clone + Send + Sync + 'static>(
        self,
        weigh: impl Fn(&T) -> usize + Send + Sync + 'static,
    ) -> Self {
        let checked = match is_of_one_call::<T>() {
            false => Ok(weigh),
            true => {
                let name = std::any::type_name::<T>();
                let problem = format!("must be about a response, and {name} is about one call");
                Err(SettingError::new(OWNER, "keep_extension", problem))
            }
        };
        self.checked(checked, |config, weigh| {
            config.kept.get_or_insert_default().push(weigh);
        })
    }
}
