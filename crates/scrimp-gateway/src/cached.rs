//! The cache around the upstream.

use std::{fmt, sync::Arc};

use axum::{Router, error_handling::HandleErrorLayer, extract::Request, response::Response};
use scrimp_cache::{CacheLayer, Store};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::{
    proxy::Proxy,
    reply::Failure,
    upstream::{GatewayUpstream, Layers},
};

/// Puts a cache around the upstream. The type of its store is known only here.
pub(crate) struct Cached(Box<dyn FnOnce(Arc<Proxy>, Layers) -> Router + Send + Sync>);

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
        Self(Box::new(move |proxy, layers| match layers.around(&proxy) {
            None => {
                let forward = move |request: Request| Arc::clone(&proxy).forward(request);
                stack(cache, service_fn(forward))
            }
            Some(layered) => {
                let upstream = ServiceExt::<Request>::map_err(layered, GatewayUpstream::failure);
                stack(cache, upstream)
            }
        }))
    }

    /// Returns the cache and the layers inside it, around the upstream.
    pub(crate) fn router(self, proxy: Arc<Proxy>, layers: Layers) -> Router {
        (self.0)(proxy, layers)
    }
}

fn stack<St, S>(cache: Option<CacheLayer<St>>, upstream: S) -> Router
where
    St: Store,
    S: Service<Request, Response = Response, Error = Failure> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    // Outside the cache, which can serve a stale response only if it sees the error itself.
    let failures = HandleErrorLayer::new(async |failure: Failure| failure.response());
    let stack = ServiceBuilder::new().layer(failures);
    match cache {
        None => Router::new().fallback_service(stack.service(upstream)),
        Some(cache) => Router::new().fallback_service(stack.layer(cache).service(upstream)),
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}
