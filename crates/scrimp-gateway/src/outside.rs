//! Layers around the cache.

use std::{convert::Infallible, fmt};

use axum::{extract::Request, response::IntoResponse};
use tower::{Layer, Service};

use crate::service::GatewayService;

/// Layers around the cache, the innermost one first.
#[derive(Default)]
pub(crate) struct Outside(Vec<Wrap>);

type Wrap = Box<dyn FnOnce(GatewayService) -> GatewayService + Send + Sync>;

// === impl Outside ===

impl Outside {
    pub(crate) fn add<L>(&mut self, layer: L)
    where
        L: Layer<GatewayService> + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse,
        <L::Service as Service<Request>>::Error: Into<Infallible>,
        <L::Service as Service<Request>>::Future: Send,
    {
        self.0.push(Box::new(move |inner| {
            GatewayService::new(layer.layer(inner))
        }));
    }

    pub(crate) fn around(self, inner: GatewayService) -> GatewayService {
        self.0.into_iter().fold(inner, |inner, wrap| wrap(inner))
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outside").field(&self.0.len()).finish()
    }
}
