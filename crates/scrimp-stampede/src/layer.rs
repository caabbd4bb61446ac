//! The layer.

use std::sync::Arc;

use scrimp_core::Tasks;
use tower_layer::Layer;

use crate::{
    Stampede, StampedeStats,
    common::Common,
    config::{Config, Shared},
};

/// A tower layer that refreshes cached responses before they expire and fills missing ones once.
///
/// It goes outside the cache, and works without settings. All services of a layer and of its
/// clones share their knowledge of the keys.
#[derive(Debug, Clone)]
pub struct StampedeLayer {
    common: Arc<Common>,
}

// === impl StampedeLayer ===

impl Default for StampedeLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl StampedeLayer {
    /// Returns a layer with the defaults: [`XFetch`](crate::XFetch) with β = 1.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Config::new())
    }

    pub(crate) fn of(config: Config) -> Self {
        Self {
            common: Arc::new(Common {
                shared: Arc::new(Shared::new(config)),
                tasks: Tasks::default(),
            }),
        }
    }

    /// Returns the counters of the layer.
    #[must_use]
    pub fn stats(&self) -> StampedeStats {
        self.common.shared.counters.read()
    }
}

impl<S> Layer<S> for StampedeLayer {
    type Service = Stampede<S>;

    fn layer(&self, inner: S) -> Stampede<S> {
        Stampede::from_parts(inner, Arc::clone(&self.common))
    }
}
