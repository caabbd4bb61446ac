//! The layer.

use std::sync::Arc;

use parking_lot::Mutex;
use scrimp_core::Tasks;
use tower_layer::Layer;

use crate::{
    BreakPlace, CostRoute, CostRouteStats, Figures, Providers, config::Shared, targets::Targets,
};

/// Layer that sends each request to the cheapest provider that is good enough.
///
/// All services of a layer and of its clones share the set of providers and their estimates.
#[derive(Debug, Clone)]
pub struct CostRouteLayer(Arc<Shared>, Arc<Tasks>);

// === impl CostRouteLayer ===

impl CostRouteLayer {
    pub(crate) fn of(shared: Shared) -> Self {
        Self(Arc::new(shared), Arc::default())
    }

    /// Returns a handle to change the set of providers with, while requests are under way.
    #[must_use]
    pub fn providers(&self) -> Providers {
        Providers {
            shared: Arc::clone(&self.0),
        }
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Returns the counts of all services of the layer and of its clones.
    #[must_use]
    pub fn stats(&self) -> CostRouteStats {
        self.0.stats()
    }

    /// Returns the places in prompts that prevent the reuse of what follows them in a prompt cache, the dearest
    /// first: the 64 that were seen last. They have no text of the prompts.
    #[must_use]
    pub fn prompt_breaks(&self) -> Vec<BreakPlace> {
        self.0.breaks.places()
    }

    /// Returns a service that reports the figures.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            shared: Arc::clone(&self.0),
        }
    }

    /// Returns a service with one inner service per provider in place of one for all whose
    /// requests are rewritten. `make` is asked for a provider's service, by name, at each call
    /// to it: let it clone.
    pub fn services<S>(&self, make: impl Fn(&str) -> S + Send + 'static) -> CostRoute<S> {
        let targets = Targets::Each(Arc::new(Mutex::new(make)));
        CostRoute::new(Arc::clone(&self.0), targets, Arc::clone(&self.1))
    }
}

impl<S> Layer<S> for CostRouteLayer {
    type Service = CostRoute<S>;

    fn layer(&self, inner: S) -> CostRoute<S> {
        let targets = Targets::One(inner);
        CostRoute::new(Arc::clone(&self.0), targets, Arc::clone(&self.1))
    }
}
