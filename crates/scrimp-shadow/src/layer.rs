//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use crate::{
    Shadow, ShadowStats,
    config::Config,
    worker::{Trials, Worker},
};

/// Tries a layer on live traffic, without changing any of it.
///
/// Its clones, and the services that they make, try one and the same layer. The trial ends when all of
/// them are dropped.
#[derive(Debug, Clone)]
pub struct ShadowLayer {
    trials: Arc<Trials>,
}

// === impl ShadowLayer ===

impl ShadowLayer {
    pub(crate) fn of(config: Config, worker: Worker) -> Self {
        Self {
            trials: Arc::new(Trials::new(config, worker)),
        }
    }

    /// Returns the counters of the trial. What the tried layer did in detail is in its own.
    #[must_use]
    pub fn stats(&self) -> ShadowStats {
        self.trials.stats()
    }

    /// Waits until the tried layer has answered all requests that it was shown so far, and has read their
    /// responses. For tests and reports.
    pub async fn settled(&self) {
        self.trials.settled().await;
    }
}

impl<S> Layer<S> for ShadowLayer {
    type Service = Shadow<S>;

    fn layer(&self, inner: S) -> Shadow<S> {
        Shadow::from_parts(inner, Arc::clone(&self.trials))
    }
}
