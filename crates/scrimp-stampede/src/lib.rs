//! No request waits at expiry, and a cold key is filled once.
//!
//! [`StampedeLayer`] goes outside a cache. It refreshes cached responses in the background a
//! little before they expire, while callers still get the present response at once. If the cache
//! has nothing, one request fills it while the others wait for the stored response.
//!
//! In axum's nested routers, a layer inside `nest` sees shortened paths and would take `/v1/items`
//! and `/v2/items` for one key: enable the feature `axum`, or set
//! [`target_uri`](StampedeLayerBuilder::target_uri).
//!
//! # Over scrimp's cache
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_stampede::{StampedeLayer, XFetch};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stampede = StampedeLayer::builder().strategy(XFetch::new(1.0)).build()?;
//! let cache = CacheLayer::for_origin(MemoryStore::new(64 << 20)).build()?; // bytes
//! let app = Router::new()
//!     .route("/rates", get(|| async { ([("cache-control", "max-age=60")], "1.07") }))
//!     .layer(cache.clone())
//!     .layer(stampede.clone()); // what is added last is outermost
//!
//! for _ in 0..100 {
//!     let request = Request::get("/rates").body(Body::empty())?;
//!     let response = app.clone().oneshot(request).await?;
//!     http_body_util::BodyExt::collect(response.into_body()).await?;
//! }
//! assert_eq!((stampede.stats().fills, cache.stats().hits), (1, 99));
//! # Ok(()) }
//! ```
//!
//! # Over any other cache
//!
//! It works for a client behind Varnish, nginx or a CDN, and over the cache layer of another
//! crate: any cache that sends Age, Cache-Status or X-Cache.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use scrimp_stampede::{RefreshAhead, StampedeLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let cdn = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let refresh = request.headers().contains_key("cache-control");
//!     Response::builder()
//!         .header("cache-control", "max-age=60")
//!         .header("age", if refresh { "0" } else { "55" })
//!         .body(Full::new(Bytes::from("1.07")))
//! });
//! let stampede = StampedeLayer::builder().strategy(RefreshAhead::new(0.1)).build()?;
//! let client = stampede.layer(cdn);
//! for _ in 0..4 {
//!     let request = Request::get("https://api.example.com/rate").body(Full::default())?;
//!     client.clone().oneshot(request).await?;
//! }
//! assert_eq!(stampede.stats().refreshes, 1); // with `Cache-Control: no-cache`
//! # Ok(()) }
//! ```
//!
//! Many caches in front of servers ignore `no-cache` in requests unless configured to obey it,
//! because clients could abuse it: Varnish needs `req.hash_always_miss`, nginx
//! `proxy_cache_bypass`. A refresh that is answered from the store gains nothing: it counts as
//! failed, and the key is left alone for longer each time. If a response has none of these fields
//! (Age, Cache-Status, X-Cache), the layer cannot detect a cache and passes everything through
//! untouched.
//!
//! # Before expiry
//!
//! A [`Strategy`] decides which hit refreshes. [`XFetch`] is the default. It draws at random, with
//! a probability that rises as expiry comes nearer and as the upstream takes longer, so
//! independent processes do not all refresh at once. [`RefreshAhead`] begins at a set part of the
//! lifetime, [`StaleWhileRevalidate`] after expiry.
//!
//! For every strategy:
//!
//! - One refresh of a key is in flight at a time, and [64](StampedeLayerBuilder::max_refreshes)
//!   over all keys.
//! - Hits pay for each refresh ([`budget`](StampedeLayerBuilder::budget)).
//! - A key whose refreshes fail is left alone for a while
//!   ([`give_up_after`](StampedeLayerBuilder::give_up_after)). Its stale response is served for as
//!   long as the response allows it
//!   ([`stale_if_failing`](StampedeLayerBuilder::stale_if_failing)).
//! - A refresh goes through a clone of the inner service, in a span of its own that follows
//!   from the caller's ([`scrimp_core::background_span`]), and for the caller's tenant. It has the caller's [credentials](StampedeLayerBuilder::credentials), which are part of
//!   what this layer knows as a key, and those alone. scrimp's cache removes those that are not in
//!   its own key ([`Background`](scrimp_core::extensions::Background)).
//! - A refresh that the upstream refuses (4xx) replaces no good response in scrimp's cache. Once
//!   that has expired, the next caller waits for the upstream, except after a 408, 425 or 429.
//!
//! # Cold keys
//!
//! The first request of an unknown or expired key goes ahead, and the others wait. They are
//! released as soon as one of these happens:
//!
//! - The head of the response shows a hit.
//! - The body has ended, so the response is stored.
//! - The head shows an event stream or the like ([`scrimp_http::media_type::is_stream`]), which may have
//!   no end. It is never waited for, even where a rule of the cache keeps it.
//! - The response turns out not to be stored. This is remembered, so that no request queues again.
//! - The fill fails.
//! - [Their limit](StampedeLayerBuilder::wait_limit) is over.
//!
//! Then each asks the cache for itself. No request is ever given the response to another request.
//!
//! A task reads the body of a fill ahead of its client, by up to
//! [`read_ahead`](StampedeLayerBuilder::read_ahead) bytes, so a slow client does not delay the
//! others. The alternative, one body shared by all waiters, would make this layer a second cache,
//! with all the questions of which caller may have which response. The inner cache already answers them.
//!
//! If a key is purged that the layer knows as fresh, the layer notices it when a hit does not come
//! with the first poll, as hits from memory do. From then on the others wait. Callers that ask at
//! that very moment on other threads go through too: at most one per core.
//!
//! Across processes a [`FillLock`](scrimp_core::FillLock) lets one of them fill
//! ([`lock`](StampedeLayerBuilder::lock)). Refreshes need no lock: XFetch keeps their number at
//! e^(1/β) on average, for any number of processes.
//!
//! # Records
//!
//! The layer knows three facts of a key: when it expires, how long its fill takes (smoothed), and
//! whether its refreshes succeed. They take 64 bytes in a lock-free table of fixed size, found by
//! a keyed hash of the parts that select a response. The table is only a hint. It says which hits
//! to examine; the cache itself says when the entry expires. A lost or wrong record costs a look,
//! never a wrong response. scrimp's cache stores the cost with the entry, so a process that has
//! just started knows it.
//!
//! # When not to use it
//!
//! - Without a cache inside.
//! - For cheap responses: a miss that takes a millisecond delays no other request.
//! - In place of coalescing, for responses that are not stored: their callers go alone.
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready. Dropping a response future cancels its upstream call; if others
//! wait for it, one of them takes its place. If a client drops its body, the body is read on while
//! others wait for it, and dropped with the last of them. Refreshes end with the layer and its
//! last service. The error type is the one of the inner service.
//!
//! A request with a [`Deadline`](scrimp_core::extensions::Deadline) is answered by then, if need be
//! with a `urn:scrimp:stampede:deadline` problem (504). If others wait for the call of such a
//! request, a task goes on with it until the last of them has left. The limit is that of the
//! response's head: the error of a body is that of the inner service, which has none for it.
//!
//! Refreshes, waits and reading ahead need a tokio runtime with timers enabled.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod ahead;
mod body;
mod builder;
mod cold;
mod common;
mod config;
mod drive;
mod fingerprint;
mod fleet;
mod future;
mod gate;
mod layer;
mod learn;
mod local_lock;
#[cfg(feature = "metrics")]
mod metered;
mod plan;
mod records;
mod refresh;
mod secret;
mod seen;
mod service;
mod settle;
mod stats;
mod strategy;
mod tasks;

pub use body::StampedeBody;
pub use builder::StampedeLayerBuilder;
pub use future::StampedeFuture;
pub use layer::StampedeLayer;
pub use local_lock::LocalFillLock;
pub use scrimp_core::SettingError;
pub use scrimp_http::credentials::Credentials;
pub use service::Stampede;
pub use stats::StampedeStats;
pub use strategy::{Moment, RefreshAhead, StaleWhileRevalidate, Strategy, XFetch};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
