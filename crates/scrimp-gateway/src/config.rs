//! The settings of a gateway.

use std::{sync::Arc, time::Duration};

use http::uri::{Authority, Scheme};
use rustls::{RootCertStore, ServerConfig};

use crate::{
    cached::Cached, outside::Outside, pace::Pace, service::GatewayService, upstream::Layers,
};

/// Settings of a gateway.
#[derive(Debug)]
pub(crate) struct Config {
    /// Replaces the upstream and all that is around it.
    pub(crate) app: Option<GatewayService>,
    pub(crate) upstream: Upstream,
    pub(crate) cached: Cached,
    /// Layers inside the cache.
    pub(crate) layers: Layers,
    /// Layers outside the cache.
    pub(crate) outside: Outside,
    pub(crate) preserve_host: bool,
    pub(crate) trust_forwarded: bool,
    pub(crate) upstream_timeout: Duration,
    pub(crate) server: Server,
}

/// The upstream, and the way of talking to it.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// HTTP/2 without asking; an https upstream is asked in any case.
    pub(crate) http2: bool,
    /// Replaces the system's certificates.
    pub(crate) roots: Option<RootCertStore>,
}

/// Limits of the side of the clients.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) drain: Duration,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_address: Option<usize>,
    pub(crate) max_requests: usize,
    pub(crate) max_streams: u32,
    pub(crate) max_header_bytes: u32,
    pub(crate) header_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) body: Pace,
    pub(crate) send: Pace,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}
