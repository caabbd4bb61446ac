//! No request waits at expiry, and a cold key is filled once.
//!
//! [`StampedeLayer`] goes outside a cache. It refreshes what the cache holds a little before
//! it expires, in the background, while callers go on getting the present answer at once; and
//! where the cache has nothing, one request fills it while the others wait for what it stores.
//! In axum's nested routers, a layer inside `nest` sees shortened paths and would take
//! `/v1/items` and `/v2/items` for one key: enable the feature `axum`, or set
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
//! let cache = CacheLayer::new(MemoryStore::new(64 << 20)); // bytes
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
//! A client behind Varnish, nginx or a CDN, or another crate's cache layer: whatever speaks
//! Age, Cache-Status or X-Cache will do.
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
//! Many caches in front of servers ignore `no-cache` in requests unless told to obey, as
//! clients could abuse it: Varnish wants `req.hash_always_miss`, nginx `proxy_cache_bypass`.
//! Where a refresh comes back from store nothing is gained: it counts as failed, and the key is
//! left alone more and more. Where none of those fields is present (Age or Cache-Status or
//! X-Cache), the layer cannot know of a cache and passes everything through untouched.
//!
//! # Before expiry
//!
//! A [`Strategy`] decides which hit refreshes. [`XFetch`] is the default: it draws by chance,
//! the more likely the nearer expiry is and the longer the upstream takes, so processes that
//! know nothing of each other do not refresh all at once. [`RefreshAhead`] begins at a set part
//! of the lifetime, [`StaleWhileRevalidate`] after expiry.
//!
//! Whatever it decides, one refresh of a key is under way at a time, and
//! [64](StampedeLayerBuilder::max_refreshes) over all keys; each is paid for by hits
//! ([`budget`](StampedeLayerBuilder::budget)); and a key whose refreshes fail is left alone for a
//! while ([`give_up_after`](StampedeLayerBuilder::give_up_after)), its stale answer being served
//! for as long as a response allows it
//! ([`stale_if_failing`](StampedeLayerBuilder::stale_if_failing)). A refresh goes through a clone
//! of the inner service in the caller's span, for the caller's tenant and with its credentials.
//!
//! # Cold keys
//!
//! The first request of a key that is unknown or has expired goes ahead, the others wait. They
//! are let go as soon as its head shows a hit, its body has ended and so is stored, its answer
//! turns out not to be kept (which is remembered, so that no request queues again), it fails, or
//! [their limit](StampedeLayerBuilder::wait_limit) is over. Then each asks the cache for itself:
//! none is ever handed the answer to another's request.
//!
//! The body of a fill is read by a task, ahead of its client by up to
//! [`read_ahead`](StampedeLayerBuilder::read_ahead) bytes, so a slow client holds up no other. The
//! alternative, sharing one body among all who wait, would make this layer a cache of its own
//! with all the questions of who may have what; a cache inside has answered them.
//!
//! A key that is purged under a layer that knows it as fresh is noticed when a hit fails to
//! come with the first poll, as hits from memory do; from then on the others wait. Callers that
//! ask in that very moment on other threads go through too: one a core at most.
//!
//! Across processes a [`FillLock`](scrimp_core::FillLock) lets one of them fill
//! ([`lock`](StampedeLayerBuilder::lock)). Refreshes need none: by XFetch the number of them stays
//! e^(1/β) on average, however many processes there are.
//!
//! # What is known of a key
//!
//! When it expires, how long it took (smoothed), and whether refreshing it works: 64 bytes in a
//! table of fixed size, without a lock, found by a keyed hash of what selects an answer. The
//! table is a hint and no more. It says which hits to look at closely; the cache itself says
//! when the entry expires. A record that is lost or wrong costs a look, never a wrong answer.
//! scrimp's cache keeps the cost with the entry, so a process that has just started knows it.
//!
//! # When not to use it
//!
//! Where no cache is inside. Where answers are cheap: a miss that takes a millisecond keeps
//! none waiting. Not instead of coalescing for answers that are not kept: callers of those
//! go alone.
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready. Dropping a response future cancels its upstream call; if
//! others wait for it, one of them takes its place. A body that its client leaves is read on
//! while others wait for it, and dropped with the last of them. Refreshes end with the last
//! service of the layer and the layer itself. The error type is the inner service's.
//!
//! Refreshes, waiting and reading ahead need a tokio runtime with its timers on.

mod ahead;
mod body;
mod builder;
mod cold;
mod common;
mod config;
mod fingerprint;
mod fleet;
mod future;
mod gate;
mod layer;
mod learn;
mod local_lock;
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
