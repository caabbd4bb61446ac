//! The layer.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use tower_layer::Layer;

use crate::{Prefetch, PrefetchStats, SpeculationRules, common::Common};

/// A tower layer that learns what each session asks for next, and fetches it ahead of time.
///
/// It goes outside the cache, which keeps what is fetched. All services of a layer and of its clones share
/// what they learn.
#[derive(Debug, Clone)]
pub struct PrefetchLayer {
    common: Arc<Common>,
}

// === impl PrefetchLayer ===

impl PrefetchLayer {
    pub(crate) fn of(common: Common) -> Self {
        Self {
            common: Arc::new(common),
        }
    }

    /// Returns a service that answers browsers with the pages that their session is expected to visit next. It
    /// belongs at the path of [`browser_rules`](crate::PrefetchLayerBuilder::browser_rules).
    #[must_use]
    pub fn speculation_rules(&self) -> SpeculationRules {
        SpeculationRules::of(Arc::clone(&self.common))
    }

    /// Returns the counters of the layer. The worker counts with a delay, behind the requests.
    #[must_use]
    pub fn stats(&self) -> PrefetchStats {
        self.common.stats()
    }
}

impl<S> Layer<S> for PrefetchLayer {
    type Service = Prefetch<S>;

    fn layer(&self, inner: S) -> Prefetch<S> {
        self.common.shared.services.fetch_add(1, Relaxed);
        Prefetch::from_parts(inner, Arc::clone(&self.common))
    }
}
