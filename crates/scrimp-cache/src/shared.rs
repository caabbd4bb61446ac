//! The state that the services of a layer share.

use std::sync::{Arc, Weak};

use scrimp_core::Tasks;

use crate::{
    changes::Changes,
    config::Config,
    entry::{Store, UncacheablePredictor},
    invalidation::epoch::Epochs,
    monitor::Monitor,
    request::Variances,
    stats::Counters,
};

/// State that the services of a layer own together. Background tasks hold `shared` alone, so that
/// they end when the last service and the last clone of the layer are gone.
#[derive(Debug)]
pub(crate) struct Common<St> {
    pub(crate) shared: Arc<Shared<St>>,
    pub(crate) background: Arc<Tasks>,
}

/// State that a request needs.
#[derive(Debug)]
pub(crate) struct Shared<St> {
    pub(crate) config: Config,
    pub(crate) store: St,
    pub(crate) epochs: Arc<Epochs>,
    pub(crate) counters: Arc<Counters>,
    /// Weak reference to the background tasks, which may hold this state.
    pub(crate) background: Weak<Tasks>,
    pub(crate) predictor: UncacheablePredictor,
    pub(crate) variances: Variances,
    /// Comparisons of hits with the upstream.
    pub(crate) monitor: Option<Arc<Monitor>>,
}

// === impl Common ===

impl<St: Store> Common<St> {
    pub(crate) fn new(mut config: Config, store: St) -> Self {
        // Layers of one builder learn apart, as their services differ.
        config.changes = Changes::default();
        let (background, counters) = (Arc::default(), Arc::default());
        let shared = Shared {
            epochs: epochs(&store, &counters),
            monitor: config
                .monitor
                .map(|sampling| Arc::new(Monitor::new(sampling))),
            config,
            store,
            counters,
            background: Arc::downgrade(&background),
            predictor: UncacheablePredictor::default(),
            variances: Variances::default(),
        };
        Self {
            shared: Arc::new(shared),
            background,
        }
    }

    /// Makes the state of a layer with other settings over the same store and log. Its predictions are
    /// new, as they depend on the settings.
    pub(crate) fn followed_by(&self, mut config: Config) -> Self {
        let before = &self.shared;
        let background = Arc::default();
        config.changes = before.config.changes.clone();
        let monitor = |sampling| Arc::new(Monitor::new(sampling));
        let shared = Shared {
            monitor: config.monitor.map(monitor),
            config,
            store: before.store.clone(),
            epochs: Arc::clone(&before.epochs),
            counters: Arc::clone(&before.counters),
            background: Arc::downgrade(&background),
            predictor: UncacheablePredictor::default(),
            variances: Variances::default(),
        };
        Self {
            shared: Arc::new(shared),
            background,
        }
    }
}

/// Returns a new log of invalidations, or the one that the store has kept.
#[cfg_attr(not(feature = "codec"), expect(unused_variables))]
fn epochs<St: Store>(store: &St, counters: &Arc<Counters>) -> Arc<Epochs> {
    #[cfg(feature = "codec")]
    if let Some(journal) = store.journal() {
        return crate::invalidation::resume(journal, counters);
    }
    Arc::new(Epochs::default())
}
