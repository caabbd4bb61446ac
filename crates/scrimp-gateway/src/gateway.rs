//! Composition of the gateway.

use std::{sync::Arc, time::Duration};

use axum::{Router, error_handling::HandleErrorLayer, middleware};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};

use crate::{
    admit::{self, Policy},
    config::Config,
    proxy::Proxy,
    reply, serve,
};

/// A caching reverse proxy in front of one HTTP upstream.
#[derive(Debug, Clone)]
pub struct Gateway {
    app: Router,
    drain: Duration,
}

// === impl Gateway ===

impl Gateway {
    /// Returns the gateway as an axum router, for a custom server.
    pub fn router(&self) -> Router {
        self.app.clone()
    }

    /// Serves HTTP/1.1 until `stop` ends. Open requests then have the time of
    /// [`drain`](crate::GatewayBuilder::drain).
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        serve::serve(listener, self.app, self.drain, stop).await;
    }

    pub(crate) fn from_config(config: Config) -> Self {
        let drain = config.drain;
        Self {
            app: app(config),
            drain,
        }
    }
}

fn app(config: Config) -> Router {
    let proxy = Arc::new(Proxy::new(
        config.upstream,
        config.preserve_host,
        config.upstream_timeout,
    ));
    let upstream = service_fn(move |request| Arc::clone(&proxy).forward(request));

    // Outside the cache, which can serve a stale response only if it sees the error itself.
    let failures = HandleErrorLayer::new(async |failure| reply::failure(&failure));
    let stack = ServiceBuilder::new().layer(failures);
    let app = match config.cache {
        None => Router::new().fallback_service(stack.service(upstream)),
        Some(cache) => Router::new().fallback_service(stack.layer(cache).service(upstream)),
    };

    // Outermost: the cache must see the same request as the upstream.
    let policy = Policy::new(config.trust_forwarded);
    app.layer(middleware::from_fn_with_state(policy, admit::admit))
}
