//! A caching reverse proxy: [`CacheLayer`] in front of one HTTP upstream.
//!
//! ```no_run
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_gateway::{Gateway, stop_signal};
//! use tokio::net::TcpListener;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = CacheLayer::builder(MemoryStore::new(256 << 20))
//!     .rule("path=/api/** ttl=5m")
//!     .build()?;
//! let gateway = Gateway::builder("http://127.0.0.1:9000").cache(cache).build()?;
//! let listener = TcpListener::bind("127.0.0.1:8080").await?;
//! gateway.serve(listener, stop_signal()?).await;
//! # Ok(()) }
//! ```
//!
//! Inside a custom server, [`Gateway::router`] is the same as an axum router:
//!
//! ```
//! # fn run() -> Result<axum::Router, scrimp_gateway::SettingError> {
//! let gateway = scrimp_gateway::Gateway::builder("http://127.0.0.1:9000").build()?;
//! Ok(axum::Router::new().fallback_service(gateway.router()))
//! # }
//! # assert!(run().is_ok());
//! ```
//!
//! # Path of a request
//!
//! - `serve`: connections, their limits, graceful shutdown;
//! - `admit`: drops request fields whose name has an underscore (WSGI, Rack and PHP read
//!   `X_Original_URL` as `X-Original-URL`), refuses ambiguous requests, removes hop-by-hop and
//!   forged forwarding fields, counts Max-Forwards of OPTIONS (TRACE is never passed on);
//! - layers [around the cache](GatewayBuilder::around_cache);
//! - the cache, which is one `.layer(..)` line in `cached`;
//! - layers [around the upstream](GatewayBuilder::around_upstream), such as a limit or a budget;
//! - `proxy`: sends the request to the upstream. A failure is an error, which the cache may replace
//!   with a stale response. Outside the cache it becomes a 502 or 504.
//!
//! The gateway's own failures are problem documents (RFC 9457), `urn:scrimp:gateway:NAME`, with the
//! same reason in `Proxy-Status` (RFC 9209). Errors of syntax are hyper's: they have no body.
//!
//! Bodies stream in both directions and are never collected. An upstream that breaks off in the
//! middle of a body breaks the client's connection too, so that the client does not take an
//! incomplete response for a complete one.
//!
//! # Versions and TLS
//!
//! Clients speak HTTP/1.1 or HTTP/2, as the first bytes or the TLS handshake say
//! ([`tls`](GatewayBuilder::tls)). An `https` upstream is verified, and chooses HTTP/2 or HTTP/1.1.
//! An `http` upstream is called over HTTP/1.1, or over HTTP/2 with
//! [`upstream_http2`](GatewayBuilder::upstream_http2).
//!
//! # Limits
//!
//! [`Gateway::serve`] bounds what clients can take. [`Gateway::router`] leaves that to the server
//! around it, except for the time of the upstream.
//!
//! | what a client can take | bound | beyond it |
//! |---|---|---|
//! | connections | [`max_connections`](GatewayBuilder::max_connections), 1024 | the idle one that has waited longest is closed after a second; further clients wait |
//! | connections of one address | [`max_connections_per_address`](GatewayBuilder::max_connections_per_address), half | closed at once |
//! | open requests | [`max_requests`](GatewayBuilder::max_requests), 4096 | 503 |
//! | streams of a connection | [`max_streams`](GatewayBuilder::max_streams), 100 | the stream is refused |
//! | fields | [`max_header_bytes`](GatewayBuilder::max_header_bytes), 64 KiB | 431 |
//! | time for the fields | [`header_timeout`](GatewayBuilder::header_timeout), 10 s | the connection is closed |
//! | time between requests | [`idle_timeout`](GatewayBuilder::idle_timeout), 60 s | the connection is closed |
//! | time for a body | [`body_pace`](GatewayBuilder::body_pace), 20 s and 500 B/s | 408 |
//! | time for reading | [`send_pace`](GatewayBuilder::send_pace), 30 s and 500 B/s | the connection or the stream is closed |
//! | requests that it breaks off (HTTP/2) | 20 at once, or 100 and more than half of all | the connection is closed |
//!
//! # Metrics
//!
//! With the feature `metrics`, `Metrics` renders what the layers of a gateway count, for Prometheus.
//!
//! # When not to use it
//!
//! `Upgrade` (WebSockets) and `CONNECT` are not passed on.
//!
//! [`CacheLayer`]: scrimp_cache::CacheLayer

#![cfg_attr(docsrs, feature(doc_cfg))]

mod admit;
mod builder;
mod cached;
mod config;
mod failure;
mod forwarded;
mod gateway;
mod headers;
mod host;
mod limits;
#[cfg(feature = "metrics")]
mod metrics;
mod outside;
mod pace;
mod peer;
mod proxy;
mod reply;
mod serve;
mod service;
mod signal;
mod switch;
mod tls;
mod upload;
mod upstream;

pub use builder::GatewayBuilder;
pub use gateway::Gateway;
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
pub use scrimp_core::SettingError;
pub use service::GatewayService;
pub use signal::stop_signal;
pub use switch::Switch;
pub use upstream::GatewayUpstream;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
