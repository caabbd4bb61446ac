//! The cache around the upstream.

use std::{fmt, sync::Arc};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http_body::Body as HttpBody;
use scrimp_cache::{CacheLayer, Store};
use scrimp_core::BoxError;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{
    proxy::Proxy,
    reply::Failure,
    service::{GatewayService, Later, Serve},
    upstream::{GatewayUpstream, Layers},
};

/// Puts a cache around the upstream. The type of its store is known only here.
pub(crate) struct Cached(Box<dyn FnOnce(Arc<Proxy>, Layers) -> GatewayService + Send + Sync>);

/// A service whose failures become responses. It is outside the cache, which can serve a stale response only if
/// it sees the failure itself.
struct Explained<S>(S);

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
    pub(crate) fn service(self, proxy: Arc<Proxy>, layers: Layers) -> GatewayService {
        (self.0)(proxy, layers)
    }
}

fn stack<St, S>(cache: Option<CacheLayer<St>>, upstream: S) -> GatewayService
where
    St: Store,
    S: Service<Request, Response = Response, Error = Failure> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    match cache {
        None => GatewayService::by(Explained(upstream)),
        Some(cache) => GatewayService::by(Explained(cache.layer(upstream))),
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}

// === impl Explained ===

impl<S, B> Serve for Explained<S>
where
    S: Service<Request, Response = Response<B>, Error = Failure> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn serve(&self, request: Request) -> Later {
        let response = self.0.clone().oneshot(request);
        Box::pin(async move {
            Ok(match response.await {
                Ok(response) => response.map(Body::new),
                Err(failure) => failure.response(),
            })
        })
    }
}
