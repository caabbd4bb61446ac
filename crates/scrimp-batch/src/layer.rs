//! The layer.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use crate::{Batch, BatchCodec, BatchLayerBuilder, BatchStats, common::Common};

/// Puts requests together that come at about the same time, and sends them as one.
///
/// `C` is the [`BatchCodec`]: what batches look like to the upstream. Requests that it does
/// not take go through untouched, and so does one that has no company: it is sent as it was,
/// and its response streams.
///
/// A built layer does not change: clones are handles on it. All services of a layer share what
/// it has learned, its limits and its retry budget. A batch is made of requests to one service
/// only.
pub struct BatchLayer<C> {
    common: Arc<Common<C>>,
}

// === impl BatchLayer ===

impl<C: BatchCodec> BatchLayer<C> {
    /// Starts a layer that sends at once while nothing is in flight, and collects while
    /// something is.
    pub fn builder(codec: C) -> BatchLayerBuilder<C> {
        BatchLayerBuilder::new(codec)
    }

    /// Returns what the layer has done so far.
    #[must_use]
    pub fn stats(&self) -> BatchStats {
        self.common.stats.read()
    }
}

impl<C> BatchLayer<C> {
    pub(crate) fn from_common(common: Arc<Common<C>>) -> Self {
        Self { common }
    }
}

impl<S, C: BatchCodec> Layer<S> for BatchLayer<C> {
    type Service = Batch<S, C>;

    fn layer(&self, inner: S) -> Batch<S, C> {
        Batch::new(inner, Arc::clone(&self.common))
    }
}

impl<C> Clone for BatchLayer<C> {
    fn clone(&self) -> Self {
        Self::from_common(Arc::clone(&self.common))
    }
}

impl<C> fmt::Debug for BatchLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLayer")
            .field("config", &self.common.config)
            .finish_non_exhaustive()
    }
}
