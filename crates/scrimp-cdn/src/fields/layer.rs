//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use super::{
    config::Config,
    mark::Marker,
    service::CdnService,
    stats::{CdnStats, Counters},
};

/// A tower layer that gives responses the fields for a CDN: lifetimes and tags.
#[derive(Debug, Clone)]
pub struct CdnLayer(Arc<Shared>);

/// The state that all services of a layer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) marker: Marker,
    pub(super) counters: Counters,
}

// === impl CdnLayer ===

impl CdnLayer {
    pub(super) fn from_config(config: Config) -> Self {
        Self(Arc::new(Shared {
            marker: Marker::new(config),
            counters: Counters::default(),
        }))
    }

    /// Returns the counters of the layer.
    #[must_use]
    pub fn stats(&self) -> CdnStats {
        self.0.counters.read()
    }
}

impl<S> Layer<S> for CdnLayer {
    type Service = CdnService<S>;

    fn layer(&self, inner: S) -> CdnService<S> {
        CdnService::from_parts(inner, Arc::clone(&self.0))
    }
}
