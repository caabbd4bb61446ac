//! Layers around the cache.

use std::{convert::Infallible, fmt};

use axum::{Router, extract::Request, response::IntoResponse, routing::Route};
use tower::{Layer, Service};

/// Layers around the cache, the innermost one first.
#[derive(Default)]
pub(crate) struct Outside(Vec<Wrap>);

type Wrap = Box<dyn FnOnce(Router) -> Router + Send + Sync>;

// === impl Outside ===

impl Outside {
    pub(crate) fn add<L>(&mut self, layer: L)
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.0.push(Box::new(move |inner| inner.layer(layer)));
    }

    pub(crate) fn around(self, app: Router) -> Router {
        self.0.into_iter().fold(app, |inner, wrap| wrap(inner))
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outside").field(&self.0.len()).finish()
    }
}
