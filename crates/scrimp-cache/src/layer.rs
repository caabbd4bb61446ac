//! The layer.

use std::{fmt, sync::Arc};

use http::request::Parts;
use scrimp_core::BoxError;
use tower_layer::Layer;

#[cfg(feature = "codec")]
use crate::invalidation::SharedLog;
use crate::{
    config::Config,
    entry::{MemoryStore, Store},
    invalidation::{Admin, Erased, Invalidator},
    monitor::Monitor,
    service::Cache,
    shared::Common,
    stats::CacheStats,
};

/// Caches the responses of the services it wraps.
///
/// All of them share one store: axum calls [`Layer::layer`] once per route, and a clone of the
/// layer is another handle on the same cache. A [builder](Self::builder) makes the settings.
pub struct CacheLayer<St = MemoryStore>(Arc<Common<St>>);

// === impl CacheLayer ===

impl<St: Store> CacheLayer<St> {
    /// Returns a shared cache (for a gateway or a client of many users) that stores responses in
    /// `store`, with the default settings. On a server, begin with [`for_origin`](Self::for_origin).
    ///
    /// A store belongs to one layer and its clones. The responses of another layer are not used,
    /// as their invalidations are unknown. The same holds for responses from before a restart,
    /// unless the store keeps a journal of invalidations (feature `codec`).
    #[must_use]
    pub fn new(store: St) -> Self {
        let layer = Self::from_parts(Config::default(), store);
        #[cfg(feature = "codec")]
        layer.share(None);
        layer
    }

    pub(crate) fn from_parts(config: Config, store: St) -> Self {
        Self(Arc::new(Common::new(config, store)))
    }

    pub(crate) fn followed_by(&self, config: Config) -> Self {
        Self(Arc::new(self.0.followed_by(config)))
    }

    /// Connects the log of invalidations that a fleet shares, or that of the store, if there is one.
    #[cfg(feature = "codec")]
    pub(crate) fn share(&self, log: Option<SharedLog>) {
        let shared = &self.0.shared;
        if let Some(log) = log.or_else(|| shared.store.shared_log()) {
            log.connect(&shared.epochs);
        }
    }

    /// Returns a handle for invalidations.
    #[must_use]
    pub fn invalidator(&self) -> Invalidator {
        let shared = &self.0.shared;
        let (epochs, store) = (Arc::clone(&shared.epochs), shared.store.clone());
        let (from, common) = (store.clone(), shared.config.common.clone());
        Invalidator::new(
            epochs,
            shared.config.clone(),
            move |is_meant| store.count(&mut |entry| is_meant(&entry.validity)),
            move |erasure| {
                let (erasing, common) = (from.erase(erasure), common.clone());
                Box::pin(async move {
                    let erased = erasing.await;
                    common.tidy();
                    erased
                })
            },
        )
    }

    /// Returns a service that purges and reports statistics. `authorise` sees every request first.
    #[must_use]
    pub fn admin(&self, authorise: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Admin {
        let shared = &self.0.shared;
        let (counters, store) = (Arc::clone(&shared.counters), shared.store.clone());
        let monitor = shared.monitor.clone();
        let changes = shared.config.changes.clone();
        let stats = move || {
            let compared = Monitor::read(monitor.as_deref());
            counters.read(store.stats(), compared, changes.read())
        };
        Admin::new(self.invalidator(), stats, authorise)
    }

    /// Removes the bytes of responses that are older than the
    /// [retention](crate::CacheLayerBuilder::retention), and returns how many there were. Without one, it does
    /// nothing. Call it now and then: it takes time in proportion to the contents of the store.
    ///
    /// # Errors
    ///
    /// If a tier cannot be asked. The others are done nevertheless.
    pub async fn sweep(&self) -> Result<Erased, BoxError> {
        let shared = &self.0.shared;
        match shared.config.retention {
            Some(retention) => {
                shared
                    .store
                    .sweep(retention, shared.config.clock.instant())
                    .await
            }
            None => Ok(Erased::default()),
        }
    }

    /// Waits for a moment at which nothing goes on in the background: no response is on its way into a store
    /// over a network, no refresh and no call that its caller has left is under way. Before a process ends,
    /// it keeps what was fetched last for the others.
    pub async fn settled(&self) {
        self.0.background.settled().await;
    }

    /// Returns the counts since the cache was made, and the contents of its store.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let shared = &self.0.shared;
        let compared = Monitor::read(shared.monitor.as_deref());
        let learned = shared.config.changes.read();
        shared
            .counters
            .read(shared.store.stats(), compared, learned)
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &St {
        &self.0.shared.store
    }
}

impl<St> Clone for CacheLayer<St> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, St: Store> Layer<S> for CacheLayer<St> {
    type Service = Cache<S, St>;

    fn layer(&self, inner: S) -> Cache<S, St> {
        Cache::from_parts(inner, Arc::clone(&self.0))
    }
}

impl<St: fmt::Debug> fmt::Debug for CacheLayer<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("config", &self.0.shared.config)
            .field("store", &self.0.shared.store)
            .finish_non_exhaustive()
    }
}
