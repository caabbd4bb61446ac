//! The layer.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{Shared, service::SparedService};

/// A tower layer that counts hits of callers on warmed responses. Made by
/// [`Spared::layer`](super::Spared::layer).
///
/// It goes around the cache, and reads its verdict: an extension of `CacheLayer`, or Cache-Status.
#[derive(Clone)]
pub struct SparedLayer(Arc<Shared>);

// === impl SparedLayer ===

impl SparedLayer {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl<S> Layer<S> for SparedLayer {
    type Service = SparedService<S>;

    fn layer(&self, inner: S) -> SparedService<S> {
        SparedService::from_parts(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for SparedLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparedLayer").finish_non_exhaustive()
    }
}
