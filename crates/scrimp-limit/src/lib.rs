//! Rate limits in requests, tokens or any other weight, as a tower layer.
//!
//! [`LimitLayer`] lets requests pass at a steady rate, with a burst. All services of a layer and of
//! its clones share one limit, so it may stand on any number of routes, connections and tasks.
//! Requests above the rate wait for their turn, or are refused with 429.
//!
//! # On a client
//!
//! Upstreams count calls, so a limit goes inside all layers that save calls, right around the
//! client. Requests wait in the order in which they came.
//!
//! ```
//! use http::{Request, Response};
//! use scrimp_limit::LimitLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limit = LimitLayer::per_second(10).burst(5).build()?;
//! # type Body = http_body_util::Empty<bytes::Bytes>;
//! let client = limit.layer(service_fn(|_: Request<Body>| async {
//!     Ok::<_, std::io::Error>(Response::new(Body::new()))
//! }));
//!
//! let start = tokio::time::Instant::now();
//! let ask = |_| client.clone().oneshot(Request::new(Body::new()));
//! futures_util::future::try_join_all((0..25).map(ask)).await?;
//! // Five at once, and twenty more at ten per second.
//! assert_eq!(start.elapsed().as_secs_f64().round(), 2.0);
//! # Ok(()) }
//! ```
//!
//! # Ahead of time
//!
//! A request with [`Directive::Prefetch`](scrimp_core::extensions::Directive) has no caller yet. It passes
//! only while more than a tenth of the burst is left, and never waits. So with a burst of one, none
//! passes. In a fleet's shared limit it never waits, and takes what is there.
//!
//! # On a server
//!
//! A limit for each caller, and no waiting:
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use scrimp_limit::LimitLayer;
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limit = LimitLayer::per_minute(60)
//!     .burst(2)
//!     .key(|parts| parts.headers.get("authorization").cloned())
//!     .max_wait(Duration::ZERO)
//!     .build()?;
//! let app = Router::new().route("/", get(|| async { "hello" })).layer(limit);
//!
//! let ask = |user: &str| {
//!     let request = Request::get("/").header("authorization", user);
//!     app.clone().oneshot(request.body(Body::empty()).unwrap())
//! };
//! for _ in 0..2 {
//!     assert_eq!(ask("ann").await?.status(), 200);
//! }
//! let refused = ask("ann").await?;
//! assert_eq!(refused.status(), 429);
//! assert_eq!(refused.headers()["retry-after"], "1"); // seconds
//! assert_eq!(ask("bob").await?.status(), 200);
//! # Ok(()) }
//! ```
//!
//! # Tokens and other weights
//!
//! [`weight`](LimitLayerBuilder::weight) says how much of the limit a request takes. A limit on
//! calls and one on tokens are two layers:
//!
//! ```
//! use scrimp_limit::LimitLayer;
//!
//! # fn main() -> Result<(), scrimp_limit::SettingError> {
//! let calls = LimitLayer::per_minute(500).build()?;
//! let tokens = LimitLayer::per_minute(200_000)
//!     .weight(|parts| {
//!         let length = parts.headers.get("content-length").and_then(|value| value.to_str().ok());
//!         let bytes: u32 = length.and_then(|text| text.parse().ok()).unwrap_or(4_000);
//!         bytes / 4 + 500 // of the question, and of the expected answer
//!     })
//!     .build()?;
//! let layers = tower::ServiceBuilder::new().layer(calls).layer(tokens);
//! # let _ = layers; Ok(()) }
//! ```
//!
//! A request heavier than the burst waits until its whole weight has been replenished. Where it
//! cannot wait long enough it is refused.
//!
//! # Why not tower's `RateLimit`
//!
//! `tower::limit::RateLimit` cannot be cloned, so it cannot be inside a layer that calls clones of
//! its inner service, and not on axum. Behind tower's `Buffer` it can be cloned, and its `poll_ready`
//! then delays the queue for everyone; on axum each route and connection gets a limit of its own.
//!
//! # In a fleet
//!
//! By default, the limit is that of one process. With [`shared`](LimitLayerBuilder::shared), all processes
//! that have the same [`SharedRate`](scrimp_core::SharedRate) keep to it together; `RedisRate` of
//! `scrimp-redis` is one. A request that must wait has a place in the order of all processes. If it
//! leaves while it waits, its place is lost. While the others cannot be asked, each process keeps to the
//! whole limit on its own.
//!
//! # When not to use it
//!
//! For calls in flight at a time, use tower's
//! `ConcurrencyLimit`. Where the upstream counts the items of a batch, give a clone of this layer to
//! `BatchLayer` as its [`RateLimit`](scrimp_core::RateLimit) and do not put it inside as well: a batch
//! would count twice. Other clients of the upstream can have it around them.
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready, since it may refuse by itself; each request waits for a clone of
//! the inner service inside its own future. A future does nothing before its first poll. A caller that
//! leaves the line takes nothing from the limit, except for the parts of a request heavier than
//! the burst that it has waited for. Waiting needs a tokio runtime with its timer; without a
//! runtime, requests are refused instead. Refusals are problem documents
//! ([`scrimp_core::Problem`]), with the same reason in Proxy-Status: `urn:scrimp:limit:` and
//! `too-many-requests` (429) or `too-many-waiters` (503), with Retry-After.
//!
//! # With other layers
//!
//! [`Deadline`](scrimp_core::extensions::Deadline) of a request shortens its wait: a request that
//! would have to wait longer is refused at once.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod buckets;
mod builder;
mod config;
mod future;
mod layer;
mod limiter;
mod line;
#[cfg(feature = "metrics")]
mod metered;
mod refusal;
mod service;
mod stats;

pub use body::LimitBody;
pub use builder::LimitLayerBuilder;
pub use future::LimitFuture;
pub use layer::LimitLayer;
pub use scrimp_core::SettingError;
pub use service::Limit;
pub use stats::LimitStats;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
