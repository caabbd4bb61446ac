//! One call for equal requests at the same time, as a tower layer.
//!
//! When a thousand clients ask for the same thing while it is being made, [`CoalesceLayer`] asks
//! for it once and lets all of them read the answer as it comes in. It goes onto axum servers and
//! outbound clients alike. In axum's nested routers, a layer inside `nest` sees shortened paths
//! and would take `/v1/items` and `/v2/items` for one: enable the feature `axum`, or set
//! [`target_uri`](CoalesceLayerBuilder::target_uri). [`SingleFlight`] is the same for anything
//! that has a key and a result that can be cloned.
//!
//! # On a server
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use scrimp_coalesce::{CoalesceLayer, ReuseWindow};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let window = ReuseWindow::new(); // answers are reused for 30 s
//! let coalesce = CoalesceLayer::builder().window(window).build()?;
//! let app = Router::new()
//!     .route("/feed", get(|| async { "expensive" }))
//!     .layer(coalesce.clone());
//!
//! let ask = |user: &str| {
//!     let request = Request::get("/feed").header("authorization", user);
//!     app.clone().oneshot(request.body(Body::empty()).unwrap())
//! };
//! let (ann, again, bob) = tokio::join!(ask("ann"), ask("ann"), ask("bob"));
//! # (ann?, again?, bob?);
//! assert_eq!(coalesce.stats().calls, 2); // credentials are part of the key
//! # Ok(()) }
//! ```
//!
//! # On a client
//!
//! Any `tower::Service` over `http` types whose error is `Infallible` or a
//! [`BoxError`](scrimp_core::BoxError): put `map_err(BoxError::from)` around any other, so
//! that one error can be told to many, with its cause.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use scrimp_coalesce::CoalesceLayer;
//! use scrimp_core::{BoxError, Ledger};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let paid_api = service_fn(|_: Request<Full<Bytes>>| async {
//!     tokio::task::yield_now().await; // it takes a while
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::from("{\"rate\":1.07}"))))
//! });
//! let ledger = Ledger::new();
//! let coalesce = CoalesceLayer::builder()
//!     .ledger(ledger.clone())
//!     .price("0.01")
//!     .build()?;
//! let client = coalesce.layer(paid_api);
//!
//! let ask = |_| client.clone().oneshot(Request::new(Full::default()));
//! futures_util::future::try_join_all((0..100).map(ask)).await?;
//! assert_eq!(ledger.lines()[0].saved.to_string(), "$0.99");
//! # Ok(()) }
//! ```
//!
//! # What is shared, and with whom
//!
//! - **Requests**: GET, HEAD, OPTIONS and other safe methods without a body, as their length or
//!   framing tells; not TRACE, whose answer is the request itself. POST by the digest
//!   of its body or by `Idempotency-Key`, if that is switched on.
//! - **Keys**: method, target, [`Tenant`](scrimp_core::extensions::Tenant), and all request fields
//!   but those that only trace a call or tell of the client (`User-Agent`, `traceparent`,
//!   `X-Forwarded-For`, …; [`scrimp_http::role`] has the lists).
//!   [Credentials](CoalesceLayerBuilder::credentials) are among them, whatever their field is
//!   called. Of the target, scheme, authority and default port count by what they mean; path and
//!   query count as they are spelled, as an upstream may answer `/%70` otherwise than `/p`.
//!   [`key_with`](CoalesceLayerBuilder::key_with) makes others.
//! - **Answers**: not those with `private`, `no-store` or Set-Cookie, those with a field that a
//!   qualified `private` or `no-cache` names, those selected by a field that is not part of the
//!   key (Vary), live streams, and handshakes of one client. They go to the one whose call it
//!   was; all others are sent on their own at once, and the key is remembered, so that no request
//!   waits for it [next time](CoalesceLayerBuilder::remember).
//! - **Writes**: no request that comes after a write of its target, through the layer, joins a
//!   call that began before, however the two spell the URI. A user who has changed
//!   something does not get what was there before.
//! - **Bodies** are read by all as they come in. Late comers get them from the first byte, as long
//!   as they are no longer than [`max_bytes`](CoalesceLayerBuilder::max_bytes), and all of them
//!   together than [`max_total_bytes`](CoalesceLayerBuilder::max_total_bytes). Who reads slower
//!   than others holds them up for [100 ms](CoalesceLayerBuilder::patience) at most, once, and is
//!   then [cut off](SlowReader). Trailers are kept.
//! - **Errors** go to all who wait, or [one other tries](OnError), up to a bound. A body that
//!   breaks off does so for every reader.
//!
//! # When not to use it
//!
//! Where every answer is one user's and marked `private`: it shares nothing then. For requests
//! whose every call must be counted by the upstream. A [`ReuseWindow`] reuses answers that
//! HTTP says nothing about: leave it out where that is not known to be right.
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready. No caller owns a call: the first one that is polled carries it
//! on, so any may leave, and one that is alive but not polled holds no other up.
//! The call is cancelled when the last has left, or [finished](Abandoned::Finish). A panic in
//! it reaches the caller whose call it was, and another's is made instead; after three, callers
//! get a 502. Refusals are problem documents
//! ([`scrimp_core::Problem`]) with the same reason in Proxy-Status: `urn:scrimp:coalesce:` and
//! `too-many-waiters`, `too-many-keys`, `waited-too-long` or `fell-behind` (503), or `lost` (502).
//!
//! A tokio runtime is needed by what takes time: [`max_wait`](CoalesceLayerBuilder::max_wait),
//! [`patience`](CoalesceLayerBuilder::patience) and [`Abandoned::Finish`].
//!
//! # Beside other layers
//!
//! Inside a cache (`CacheLayer` → `CoalesceLayer` → client) a thousand misses are one call and
//! one stored copy, and no caller is given what was invalidated before it asked; the cache reports
//! `collapsed` in Cache-Status. Without one the layer does so itself, on answers that were made
//! for another request.
//!
//! # What it costs
//!
//! A request that no other joins costs three allocations and some 0.4 µs; one in a crowd costs
//! about what the call does that it saves, over an upstream that costs nothing itself.
//! `scrimp-bench coalesce` measures it beside other crates; `docs/performance.md` in the
//! repository has the table.

mod body;
mod builder;
mod call;
mod config;
mod future;
mod handle;
mod joining;
mod key;
mod layer;
mod policy;
mod refuse;
mod response;
mod reuse;
mod service;
mod shared;
mod stats;

pub use body::CoalesceBody;
pub use builder::CoalesceLayerBuilder;
pub use config::{Abandoned, OnError, Overflow, SlowReader};
pub use future::CoalesceFuture;
pub use handle::CoalesceHandle;
pub use layer::CoalesceLayer;
pub use reuse::ReuseWindow;
pub use scrimp_core::SettingError;
pub use scrimp_flight::{SingleFlight, SingleFlightCall};
pub use scrimp_http::credentials::Credentials;
pub use service::Coalesce;
pub use shared::live::FellBehind;
pub use stats::CoalesceStats;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
