//! The layer.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use crate::{Batch, BatchCodec, BatchStats, http::Common};

/// Sends requests that come at about the same time as one batch.
///
/// `C` is the [`BatchCodec`], the format of batches on the wire. Requests that the codec does not
/// take pass through unchanged. A request that is alone in its window is sent as it came, and its
/// response streams.
///
/// A built layer does not change, and clones are handles to it. All services of a layer share its
/// learned sizes, its limits and its retry budget. A batch has requests to one service only,
/// unless [services share](crate::BatchLayerBuilder::share_services).
pub struct BatchLayer<C> {
    pub(crate) common: Arc<Common<C>>,
}

// === impl BatchLayer ===

impl<C: BatchCodec> BatchLayer<C> {
    /// Returns the counts of the layer so far.
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
