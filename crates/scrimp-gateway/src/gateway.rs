//! Composition of the gateway.

use std::sync::Arc;

use axum::{Router, middleware};
use rustls::ClientConfig;
use tokio::net::TcpListener;

use crate::{
    admit::{self, Policy},
    config::{Config, Server},
    proxy::{Proxy, Versions},
    serve,
};

/// A caching reverse proxy in front of one HTTP upstream.
#[derive(Debug, Clone)]
pub struct Gateway {
    app: Router,
    server: Server,
}

// === impl Gateway ===

impl Gateway {
    /// Returns the gateway as an axum router, for a custom server. The limits of the clients' side
    /// are those of that server.
    pub fn router(&self) -> Router {
        self.app.clone()
    }

    /// Serves HTTP/1.1 and HTTP/2 until `stop` ends. Open requests then have the time of
    /// [`drain`](crate::GatewayBuilder::drain).
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        serve::serve(listener, self.app, self.server, stop).await;
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
        Self {
            app: app(config, tls),
            server,
        }
    }
}

fn app(config: Config, tls: ClientConfig) -> Router {
    let upstream = config.upstream;
    let versions = match (upstream.http2, config.preserve_host) {
        (true, _) => Versions::Http2,
        // In HTTP/2 the host is the name of the server that the connection is for.
        (false, true) => Versions::Http1,
        (false, false) => Versions::Either,
    };
    let proxy = Arc::new(Proxy::new(
        (upstream.scheme, upstream.authority),
        tls,
        versions,
        config.preserve_host,
        config.upstream_timeout,
    ));
    let app = config.cached.router(proxy, config.layers);
    let app = config.outside.around(app);

    // Outermost: the cache must see the same request as the upstream.
    let policy = Policy::new(config.trust_forwarded);
    app.layer(middleware::from_fn_with_state(policy, admit::admit))
}
