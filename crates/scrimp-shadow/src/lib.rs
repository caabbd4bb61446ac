//! Shadow mode: what a layer would save on live traffic, without changing any of it.
//!
//! [`ShadowLayer`] stands where the layer would stand. Every request goes on to the inner service, and
//! every response to its caller, as if it was not there. Beside them, in a task of its own, the layer
//! itself gets a copy of each request's head. Where it calls its inner service, it gets a copy of the live
//! response, at the time at which that came. So its own counters and its ledger show what it does:
//!
//! ```
//! use http::{Request, Response};
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_core::Ledger;
//! use scrimp_shadow::ShadowLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # type Body = http_body_util::Full<bytes::Bytes>;
//! let ledger = Ledger::new();
//! let cache = CacheLayer::builder(MemoryStore::new(64 << 20)) // bytes
//!     .rule("path=/products/** ttl=5m")
//!     .price("0.01")
//!     .ledger(ledger.clone())
//!     .build()?;
//! let shadow = ShadowLayer::new(cache.clone());
//! let client = shadow.layer(service_fn(|_: Request<Body>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Body::from("a product")))
//! }));
//!
//! for _ in 0..3 {
//!     let request = Request::get("http://shop.example/products/1").body(Body::default())?;
//!     let response = client.clone().oneshot(request).await?;
//!     # use http_body_util::BodyExt;
//!     response.into_body().collect().await?;
//! }
//! shadow.settled().await;
//! assert_eq!((shadow.stats().requests, shadow.stats().calls), (3, 1));
//! assert_eq!(cache.stats().hits, 2);
//! assert_eq!(ledger.saved().to_string(), "$0.02");
//! # Ok(()) }
//! ```
//!
//! Several layers are tried together as one: `ServiceBuilder::new().layer(a).layer(b).into_inner()`.
//!
//! # Batches
//!
//! A batch of the tried layer has the live responses to its requests, whatever the codec: no format of batches is
//! written or read. The window, the lanes and the limits of the codec are the real ones. A batch takes as long as the
//! slowest of its requests took, from its own beginning on.
//!
//! Bodies of requests are needed for the batches of JSON-RPC, GraphQL and inputs of arrays:
//! [`BodyDigestLayer::keep_body`](scrimp_core::BodyDigestLayer::keep_body) outside of this layer keeps them.
//!
//! # Prefetches
//!
//! What a `PrefetchLayer` fetches ahead of time has no live response. It gets one like the last to its target, or to
//! any target where there is none: with the same fields, after the same time, and with zeros in place of the body. So
//! the layer's counters tell what would have been useful, late and wasted. Responses of 2,048 to 4,096 targets are
//! remembered, without their bodies, from the first prefetch on.
//!
//! # Limits
//!
//! - The request's body stays with the live call. Unless it is [kept](scrimp_core::extensions::WholeBody), the layer
//!   sees an empty one, with the head's Content-Length. A POST is stored and shared by a digest that is in its
//!   extensions ([`BodyDigestLayer`](scrimp_core::BodyDigestLayer) outside of this layer), and a router reads the
//!   model and the length of a prompt in a body that is kept.
//! - A layer that calls its service with another request of its own gets an error.
//! - A layer with a client of its own calls it. A `BatchJobsLayer` would send jobs: build it as a `dry_run`.
//! - A batch that a real server would refuse, as it is too large for it, is answered. A second call for a request, such
//!   as a retry, is counted and gets an error.
//! - A router is shown the answer and the latency of the provider that did answer, whichever it chose. Its prices
//!   and budgets are right, what it learns of the others is not.
//! - Where the layer answers at once, callers would come back earlier than they do.
//! - A live call that its caller gives up is an error to the layer.
//!
//! The live request pays for the copy of the head, and for each frame of the body a count of its references.
//! The work of the layer is paid for in a task on the same runtime.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod ahead;
mod body;
mod builder;
mod config;
mod exchange;
mod future;
mod layer;
#[cfg(feature = "metrics")]
mod metered;
mod recorded;
mod service;
mod stats;
mod worker;

pub use body::ShadowBody;
pub use builder::ShadowLayerBuilder;
pub use exchange::NoAnswer;
pub use future::ShadowFuture;
pub use layer::ShadowLayer;
pub use recorded::{Recorded, RecordedBody};
pub use scrimp_core::SettingError;
pub use service::Shadow;
pub use stats::ShadowStats;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
