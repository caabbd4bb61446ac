//! The cache around the upstream.

use std::{fmt, sync::Arc};

use axum::{Router, body::Body, error_handling::HandleErrorLayer, extract::Request};
use scrimp_cache::{CacheLayer, Store};
use tower::{ServiceBuilder, service_fn};

use crate::{proxy::Proxy, reply::Failure};

/// Puts a cache around the upstream. The type of its store is known only here.
pub(crate) struct Cached(Box<dyn FnOnce(Arc<Proxy>) -> Router + Send + Sync>);

// === impl Cached ===

impl Cached {
    pub(crate) fn by<St: Store>(cache: CacheLayer<St>) -> Self {
        Self::maybe(Some(cache))
    }

    /// Leaves the upstream as it is.
    pub(crate) fn not() -> Self {
        Self::maybe(None::<CacheLayer>)
    }

    fn maybe<St: Store>(cache: Option<CacheLayer<St>>) -> Self {
        Self(Box::new(move |proxy| {
            let upstream =
                service_fn(move |request: Request<Body>| Arc::clone(&proxy).forward(request));
            // Outside the cache, which can serve a stale response only if it sees the error itself.
            let failures = HandleErrorLayer::new(async |failure: Failure| failure.response());
            let stack = ServiceBuilder::new().layer(failures);
            match cache {
                None => Router::new().fallback_service(stack.service(upstream)),
                Some(cache) => Router::new().fallback_service(stack.layer(cache).service(upstream)),
            }
        }))
    }

    pub(crate) fn router(self, proxy: Arc<Proxy>) -> Router {
        (self.0)(proxy)
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}
