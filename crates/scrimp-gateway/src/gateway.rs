//! Composition of the gateway.

use std::sync::Arc;

use axum::Router;
use rustls::ClientConfig;
use tokio::net::TcpListener;

use crate::{
    admit::Admit,
    config::{Config, Server},
    proxy::{Proxy, Versions},
    serve,
    service::GatewayService,
    switch::Switch,
};

/// A caching reverse proxy in front of one HTTP upstream.
#[derive(Debug, Clone)]
pub struct Gateway {
    live: Switch,
    server: Server,
}

// === impl Gateway ===

impl Gateway {
    /// Returns the gateway as an axum router, for a custom server. The limits of the clients' side
    /// are those of that server.
    pub fn router(&self) -> Router {
        Router::new().fallback_service(self.service())
    }

    /// Returns the gateway as a service. The limits of the clients' side are those of the server around it.
    #[must_use]
    pub fn service(&self) -> GatewayService {
        self.live.app()
    }

    /// Returns a handle that replaces the application while the gateway, or a clone of it, serves.
    #[must_use]
    pub fn switch(&self) -> Switch {
        self.live.clone()
    }

    /// Serves HTTP/1.1 and HTTP/2 until `stop` ends. Open requests then have the time of
    /// [`drain`](crate::GatewayBuilder::drain).
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        serve::serve(listener, self.live, self.server, stop).await;
    }

    pub(crate) fn from_config(config: Config, tls: ClientConfig) -> Self {
        let mut server = config.server.clone();
        // With trusted proxies in front, all connections may come from one address.
        let all = server.max_connections;
        let share = if config.trust_forwarded {
            all
        } else {
            all.div_ceil(2)
        };
        server.max_connections_per_address.get_or_insert(share);
        let certificates = server.tls.clone();
        Self {
            live: Switch::new(app(config, tls), certificates),
            server,
        }
    }
}

// === impl Switch ===

impl Switch {
    /// Serves the application of `gateway` from the next request on, and its certificates from the next
    /// connection on.
    pub fn replace(&self, gateway: &Gateway) {
        self.follow(&gateway.live);
    }
}

fn app(mut config: Config, tls: ClientConfig) -> GatewayService {
    if let Some(app) = config.app.take() {
        return app;
    }
    let proxy = proxy(&config, tls);
    let cached = config.cached.service(proxy, config.layers);
    let inner = config.outside.around(cached);
    // Outermost: the cache must see the same request as the upstream.
    GatewayService::by(Admit::new(inner, config.trust_forwarded))
}

/// Returns the client of the upstream.
pub(crate) fn proxy(config: &Config, tls: ClientConfig) -> Arc<Proxy> {
    let upstream = &config.upstream;
    let versions = match (upstream.http2, config.preserve_host) {
        (true, _) => Versions::Http2,
        // In HTTP/2 the host is the name of the server that the connection is for.
        (false, true) => Versions::Http1,
        (false, false) => Versions::Either,
    };
    Arc::new(Proxy::new(
        (upstream.scheme.clone(), upstream.authority.clone()),
        tls,
        versions,
        config.preserve_host,
        config.upstream_timeout,
    ))
}
