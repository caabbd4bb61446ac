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
//! - `serve`: connections, time limits, graceful shutdown;
//! - `admit`: drops request fields whose name has an underscore (WSGI, Rack and PHP read
//!   `X_Original_URL` as `X-Original-URL`), refuses ambiguous requests, removes hop-by-hop and
//!   forged forwarding fields;
//! - the cache, which is one `.layer(..)` line in `gateway`;
//! - `proxy`: sends the request to the upstream. A failure is an error, which the cache may replace
//!   with a stale response. Outside the cache it becomes a 502 or 504 with the cause in
//!   `Proxy-Status` (RFC 9209).
//!
//! Bodies stream in both directions and are never collected. An upstream that breaks off in the
//! middle of a body breaks the client's connection too, so that the client does not take an
//! incomplete response for a complete one.
//!
//! # When not to use it
//!
//! Only `http://` upstreams are supported. TLS for clients needs a server in front, and `Upgrade`
//! (WebSockets) is not passed on.
//!
//! [`CacheLayer`]: scrimp_cache::CacheLayer

mod admit;
mod builder;
mod config;
mod forwarded;
mod gateway;
mod headers;
mod proxy;
mod reply;
mod serve;

pub use builder::GatewayBuilder;
pub use gateway::Gateway;
pub use scrimp_core::SettingError;
pub use serve::stop_signal;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
