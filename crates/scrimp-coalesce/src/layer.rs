//! The layer, and its handle, which reads its counters and removes responses.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Uri};
use scrimp_core::extensions::Since;
use tower_layer::Layer;

use crate::{
    Coalesce, CoalesceStats,
    config::Config,
    key::written,
    shared::{Common, Owner},
};

/// A layer whose services share one call of the inner service among equal concurrent requests.
///
/// All services of one layer, and of its clones, share what is in flight.
#[derive(Clone)]
pub struct CoalesceLayer {
    owner: Arc<Owner>,
}

/// A handle that reads a layer's counters and forgets its responses.
#[derive(Clone)]
pub struct CoalesceHandle(Arc<Common>);

// === impl CoalesceLayer ===

impl CoalesceLayer {
    /// Returns a layer with the defaults: it shares safe requests without a body while they are
    /// in flight, and keeps no responses.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Config::new())
    }

    pub(crate) fn of(config: Config) -> Self {
        Since::listen();
        Self {
            owner: Arc::new(Owner::new(config)),
        }
    }

    /// Returns a handle that reads the layer's counters and forgets its responses.
    #[must_use]
    pub fn handle(&self) -> CoalesceHandle {
        CoalesceHandle(Arc::clone(&self.owner.common))
    }

    /// Returns the layer's counters so far and its current state.
    #[must_use]
    pub fn stats(&self) -> CoalesceStats {
        self.owner.common.stats()
    }
}

impl Default for CoalesceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CoalesceLayer {
    type Service = Coalesce<S>;

    fn layer(&self, inner: S) -> Coalesce<S> {
        Coalesce::from_parts(inner, Arc::clone(&self.owner))
    }
}

impl fmt::Debug for CoalesceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoalesceLayer")
            .field("config", &self.owner.common.config)
            .finish_non_exhaustive()
    }
}

// === impl CoalesceHandle ===

impl CoalesceHandle {
    /// Returns the layer's counters so far and its current state.
    #[must_use]
    pub fn stats(&self) -> CoalesceStats {
        self.0.stats()
    }

    /// Forgets the responses of this URI that are in the window or in flight now, for all
    /// callers. Callers that already wait still get them.
    ///
    /// The URI must have an authority: on a server, that of the Host field. The scheme does not
    /// count.
    pub fn forget(&self, uri: &Uri) {
        self.0.marks.write(written(uri, &HeaderMap::new()));
    }

    /// Forgets the responses of all URIs.
    pub fn forget_all(&self) {
        self.0.marks.write_all();
        if let Some(recent) = &self.0.recent {
            recent.clear();
        }
    }
}

impl fmt::Debug for CoalesceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CoalesceHandle")
            .field(&self.stats())
            .finish()
    }
}
