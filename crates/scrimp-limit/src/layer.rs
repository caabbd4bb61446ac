//! The layer.

use std::{future::Future, pin::Pin, sync::Arc};

use governor::Quota;
use scrimp_core::RateLimit;
use tower_layer::Layer;

use crate::{Limit, LimitStats, config::Config, limiter::Limiter};

/// A tower layer that lets requests pass at a steady rate, with a burst.
///
/// All services of a layer and of its clones share the limit. As a [`RateLimit`], it can be given
/// to other layers that count against the same limit; requests of those wait without a time limit,
/// and have no key.
#[derive(Debug, Clone)]
pub struct LimitLayer {
    pub(crate) limiter: Arc<Limiter>,
}

// === impl LimitLayer ===

impl LimitLayer {
    pub(crate) fn of(config: Config, quota: Quota) -> Self {
        Self {
            limiter: Arc::new(Limiter::new(config, quota)),
        }
    }

    /// Returns the counters of the layer.
    #[must_use]
    pub fn stats(&self) -> LimitStats {
        self.limiter.stats()
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit::from_parts(inner, Arc::clone(&self.limiter))
    }
}

impl RateLimit for LimitLayer {
    fn take(&self, requests: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.limiter.take(requests as u64))
    }
}
