//! A tower layer that makes one call for equal concurrent requests.
//!
//! [`CoalesceLayer`] calls the upstream once when a thousand clients send the same request at the
//! same time. All of them read the response as it arrives. The layer works on axum servers and on
//! outbound clients. In axum's nested routers, a layer inside `nest` sees shortened paths and
//! would treat `/v1/items` and `/v2/items` as equal: enable the feature `axum`, or set
//! [`target_uri`](CoalesceLayerBuilder::target_uri). [`SingleFlight`] does the same for any
//! operation with a key and a result that can be cloned.
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
//! let window = ReuseWindow::new(); // responses are reused for 30 s
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
//! The layer takes any `tower::Service` over `http` types whose error is `Infallible` or a
//! [`BoxError`](scrimp_core::BoxError). Put `map_err(box_error)`
//! ([`box_error`](scrimp_core::box_error)) around any other service, so that its errors are
//! shareable, with their cause.
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
//! # Rules of sharing
//!
//! - **Requests**: GET, HEAD, OPTIONS and other safe methods are shared if their length or framing
//!   shows that they have no body. TRACE is not shared, because its response is the request
//!   itself. POST is shared by the digest of its body or by `Idempotency-Key`, if enabled.
//! - **Keys** contain the method, the target, the [`Tenant`](scrimp_core::extensions::Tenant), and
//!   all request fields except those that only trace a call or describe the client (`User-Agent`,
//!   `traceparent`, `X-Forwarded-For`, …; [`scrimp_http::role`] has the lists).
//!   [Credentials](CoalesceLayerBuilder::credentials) are part of the key under any field name.
//!   Scheme, authority and default port of the target are normalized. Path and query are compared
//!   as spelled, because an upstream may answer `/%70` and `/p` differently.
//!   [`key_with`](CoalesceLayerBuilder::key_with) sets another key.
//! - **Responses** are not shared if they have `private`, `no-store`, Set-Cookie, a field that a
//!   qualified `private` or `no-cache` names, or a Vary that names a field outside the key. Event
//!   streams ([unless set](CoalesceLayerBuilder::share_events)) and handshakes of one client are not
//!   shared either, nor what a function of yours calls
//!   [private](CoalesceLayerBuilder::private_if). [`NotShared`] counts the reasons. Such a response goes to the
//!   caller whose request was sent. The requests of all other waiters are sent on their own at
//!   once. The key is remembered: [later](CoalesceLayerBuilder::remember), no request waits.
//! - **Writes**: a request that arrives after a write of its target through the layer does not
//!   join a call that began before the write, even if the two spell the URI differently. A user
//!   who has changed something does not get the old state.
//! - **Bodies**: all callers read a body as it arrives. Late callers get it from the first byte,
//!   while it is within [`max_bytes`](CoalesceLayerBuilder::max_bytes) and all bodies together are
//!   within [`max_total_bytes`](CoalesceLayerBuilder::max_total_bytes). A slow reader delays the
//!   others once, for at most [100 ms](CoalesceLayerBuilder::patience), and is then
//!   [cut off](SlowReader). Trailers are kept.
//! - **Extensions** of a response go to each of its callers, but for those about the call itself: only
//!   the caller whose request was sent pays for it.
//! - **Errors** go to all waiters, or [one waiter retries](OnError), up to a limit. A body that
//!   breaks off does so for every reader.
//!
//! # When not to use it
//!
//! Do not use it where every response belongs to one user and is marked `private`: it shares
//! nothing there. Do not use it where the upstream must count every request. A [`ReuseWindow`]
//! reuses responses about which HTTP says nothing: set it only where that is known to be correct.
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready. No caller owns a call: the first caller that is polled drives it.
//! Any caller may leave, and a caller that is not polled does not delay the others. The call is
//! cancelled when the last caller has left, or [finished](Abandoned::Finish). A panic in the call
//! reaches the caller whose request was sent, and another caller's request is sent instead. After
//! three panics, callers get a 502. Refusals are problem documents ([`scrimp_core::Problem`]) with
//! the same reason in Proxy-Status: `urn:scrimp:coalesce:` and `too-many-waiters`,
//! `too-many-keys`, `waited-too-long` or `fell-behind` (503), `lost` (502), or `deadline` (504).
//!
//! A request with a [`Deadline`](scrimp_core::extensions::Deadline) is answered by then, whether it
//! has joined a call or its own call is the shared one; the call goes on for the callers that wait
//! longer. The limit includes the body, while that comes through a shared call: it then ends with
//! an [`io::Error`](std::io::Error) of the kind `TimedOut`. A shared call carries the deadline of
//! no caller. Layers inside find [`DueBy`](scrimp_core::extensions::DueBy) instead.
//!
//! Three settings need a tokio runtime: [`max_wait`](CoalesceLayerBuilder::max_wait),
//! [`patience`](CoalesceLayerBuilder::patience) and [`Abandoned::Finish`].
//!
//! # With other layers
//!
//! Inside a cache (`CacheLayer` → `CoalesceLayer` → client) a thousand misses make one call and
//! one stored response. No caller gets a response that was invalidated before its request. The
//! cache reports `collapsed` in Cache-Status. Without a cache, the layer reports it on responses
//! that were made for another request.
//!
//! # Cost
//!
//! A request that no other joins costs three allocations and about 0.4 µs. A request in a crowd
//! costs about as much as the call that it saves, over an upstream that costs nothing itself.
//! `scrimp-bench coalesce` measures the layer beside other crates; `docs/performance.md` in the
//! repository has the table.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod call;
mod config;
mod future;
mod joining;
mod key;
mod layer;
#[cfg(feature = "metrics")]
mod metered;
mod policy;
mod response;
mod service;
mod shared;
mod unshared;

pub use builder::CoalesceLayerBuilder;
pub use config::{Abandoned, OnError, Overflow, ReuseWindow, SlowReader};
pub use future::CoalesceFuture;
pub use layer::{CoalesceHandle, CoalesceLayer};
pub use scrimp_core::SettingError;
pub use scrimp_flight::{SingleFlight, SingleFlightCall};
pub use scrimp_http::credentials::Credentials;
pub use service::Coalesce;
pub use shared::{
    CoalesceStats,
    body::{CoalesceBody, FellBehind},
};
pub use unshared::NotShared;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
