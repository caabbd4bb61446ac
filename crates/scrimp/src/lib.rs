//! Tower layers that cut what an API costs to call and to serve.
//!
//! Each layer is a crate of its own. This crate gathers them, by feature:
//!
//! | feature | module | what it saves |
//! |---|---|---|
//! | `batch` | `scrimp::batch` | calls that can be made together |
//! | `body-digest` | | (POST requests for cache and coalesce: `core::BodyDigestLayer`) |
//! | `cache` | `scrimp::cache` | requests whose answer is known already |
//! | `cdn` | `scrimp::cdn` | requests that a CDN in front answers, and keeps them right: fields and purges |
//! | `coalesce` | `scrimp::coalesce` | requests whose answer is on its way already |
//! | `cache-codec` | | the same after a restart: stored responses as bytes, for stores of your own |
//! | `cache-compression` | | (compression of these bytes) |
//! | `cache-encryption` | | (encryption of these bytes) |
//! | `cost-route` | `scrimp::cost_route` | the difference to the cheapest provider that is good enough |
//! | `cost-route-json-schema` | | answers that are not what they should be: a quality gate by JSON Schema |
//! | `unstable-genai` | | spans with OpenTelemetry's attributes for generative AI; may change in any release |
//! | `disk` | `scrimp::disk` | the same after a restart: a tier in files |
//! | `jobs` | `scrimp::jobs` | half the price of requests that can wait: batch jobs, in a durable queue |
//! | `limit` | `scrimp::limit` | calls above the quota of a provider, or of a caller |
//! | `metrics` | `scrimp::core::metrics` | (what all layers count, through the metrics facade) |
//! | `no-vary-search` | | requests that differ in what No-Vary-Search says does not count |
//! | `object` | `scrimp::object` | the same, in a tier in S3 or another object store |
//! | `prefetch` | `scrimp::prefetch` | waiting for what a session will ask for next |
//! | `redis` | `scrimp::redis` | what another process of the fleet has fetched: a tier in Redis |
//! | `redis-tls` | | (TLS for it) |
//! | `reqwest` | `scrimp::reqwest` | (the layers on reqwest's client) |
//! | `reqwest-cookies` | | (and cookie stores, one for each user) |
//! | `reqwest-middleware` | | (and at the end of a chain of reqwest-middleware) |
//! | `serde` | | (money in files and settings, as strings) |
//! | `stack` | | (types with names: `Stack`, a service with all its layers, and its `Body`) |
//! | `stampede` | `scrimp::stampede` | waiting when an answer expires, and calls made at once for the same |
//! | `values` | `scrimp::values` | calls for values that are not HTTP: get-or-set, one fill per key |
//! | `warm` | `scrimp::warm` | waiting for what callers will ask for: fills the cache from lists and logs |
//! | `warm-schedule` | | (at the times of a cron expression) |
//! | `warm-sitemap` | | (from sitemaps) |
//!
//! Nothing is on by default. The vocabulary that the layers share is in [`core`].
//!
//! ```
//! # #[cfg(feature = "cache")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use scrimp::cache::{CacheLayer, MemoryStore};
//!
//! let cache = CacheLayer::for_origin(MemoryStore::new(64 << 20))
//!     .rule("path=/api/products query=category,page header=x-customer-tier ttl=5m").build()?;
//! let app: axum::Router = axum::Router::new()
//!     .route("/api/products", axum::routing::get(|| async { "[]" }))
//!     .layer(cache);
//! # let _ = app; Ok(()) }
//! # #[cfg(not(feature = "cache"))] fn main() {}
//! ```
//!
//! # In which order
//!
//! Each layer works alone, and in any order with the others. This order saves most. Outermost
//! first, as [`ServiceBuilderExt`] adds them:
//!
//! | layer | why it is outside of the next |
//! |---|---|
//! | prefetch | What it fetches goes through all others, and the cache keeps it. It need not see more than what callers ask for. |
//! | stampede | It decides upon hits, so it has to see them: a cache around it would answer them itself. Its refreshes and fills go through the cache, which keeps what they bring. |
//! | cache | What is stored needs no call that could be shared. A thousand misses are one call further in, and one copy that is kept. |
//! | coalesce | Equal requests take up one place in a batch, and those that come when it has gone share its answer. Around it, batches would be all that is left, and no two are equal. |
//! | batch | A batch is one paid call, to one provider, whose price is split over its items. The other way about each item would be routed, priced and booked as a call that is not made. |
//! | cost-route | Whatever comes through here costs money. It has to see what is really sent, and where it fails over nothing further out has to know. |
//! | limit | It counts what is sent, and takes nothing for a hit. |
//! | client | Limits of concurrency go right around it, or are the provider's own. |
//!
//! Coalescing may go further out, around the cache or around stampede protection too. There a
//! thousand hits become one look-up in a distant store. But it knows nothing of invalidations
//! there: a caller that asks after one may share a call from before it. Other orders cost money: a
//! batch is a POST that no cache stores, and a router around a cache stores one copy per provider
//! and books hits as calls.
//!
//! ```
//! # #[cfg(all(
//! #     feature = "batch", feature = "cache", feature = "coalesce", feature = "cost-route",
//! #     feature = "stack", feature = "stampede"
//! # ))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use scrimp::{
//!     Body, ServiceBuilderExt, Stack,
//!     batch::{BatchLayer, RestJson},
//!     cache::{CacheLayer, MemoryStore},
//!     coalesce::CoalesceLayer,
//!     core::{Currency, box_error},
//!     cost_route::{CostRouteLayer, Provider, Tariff},
//!     stampede::StampedeLayer,
//! };
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, service_fn};
//!
//! let at = |name: &str, price: &str| {
//!     Provider::new(name)
//!         .endpoint(format!("https://{name}.example.com"))
//!         .price(Tariff::new(Currency::USD).per_request(price))
//! };
//! // In a program, hyper-util's client or `scrimp::reqwest::Transport`.
//! let client = service_fn(|_: Request<_>| async {
//!     Ok::<_, std::io::Error>(Response::new(Body::from("{}")))
//! });
//! let client: Stack = ServiceBuilder::new()
//!     .stack()
//!     .stampede(StampedeLayer::new())
//!     .cache(CacheLayer::new(MemoryStore::new(64 << 20))) // bytes
//!     .coalesce(CoalesceLayer::new())
//!     .batch(BatchLayer::builder(RestJson::new("/api/batch").base("/api")).build()?)
//!     .cost_route(CostRouteLayer::builder([at("budget", "0.001"), at("premium", "0.01")]).build()?)
//!     .map_err(box_error) // one that can be told to many
//!     .service(client);
//! # let _ = client; Ok(()) }
//! # #[cfg(not(all(
//! #     feature = "batch", feature = "cache", feature = "coalesce", feature = "cost-route",
//! #     feature = "stack", feature = "stampede"
//! # )))]
//! # fn main() {}
//! ```
//!
//! On axum, `Router::layer` puts layers around each route, behind the routing. That is right for
//! all layers but batch, because batches have their own route. With batches, put the layers around
//! the whole router: `Router::new().fallback_service(app).layer(..)`.
//!
//! The examples `full_stack_server` and `full_stack_client` in the repository use all layers, and
//! print the bill.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
#[cfg(feature = "stack")]
mod stack;

pub use builder::ServiceBuilderExt;
#[cfg(feature = "stack")]
pub use stack::{Body, Stack, StackFuture, StackLayer};

#[cfg(feature = "audit")]
#[doc(inline)]
pub use scrimp_audit as audit;
#[cfg(feature = "batch")]
#[doc(inline)]
pub use scrimp_batch as batch;
#[cfg(feature = "cache")]
#[doc(inline)]
pub use scrimp_cache as cache;
#[cfg(feature = "cdn")]
#[doc(inline)]
pub use scrimp_cdn as cdn;
#[cfg(feature = "coalesce")]
#[doc(inline)]
pub use scrimp_coalesce as coalesce;
#[doc(inline)]
pub use scrimp_core as core;
#[cfg(feature = "cost-route")]
#[doc(inline)]
pub use scrimp_cost_route as cost_route;
#[cfg(feature = "disk")]
#[doc(inline)]
pub use scrimp_disk as disk;
#[cfg(feature = "jobs")]
#[doc(inline)]
pub use scrimp_jobs as jobs;
#[cfg(feature = "limit")]
#[doc(inline)]
pub use scrimp_limit as limit;
#[cfg(feature = "llm")]
#[doc(inline)]
pub use scrimp_llm as llm;
#[cfg(feature = "object")]
#[doc(inline)]
pub use scrimp_object as object;
#[cfg(feature = "prefetch")]
#[doc(inline)]
pub use scrimp_prefetch as prefetch;
#[cfg(feature = "redis")]
#[doc(inline)]
pub use scrimp_redis as redis;
#[cfg(feature = "reqwest")]
#[doc(inline)]
pub use scrimp_reqwest as reqwest;
#[cfg(feature = "shadow")]
#[doc(inline)]
pub use scrimp_shadow as shadow;
#[cfg(feature = "stampede")]
#[doc(inline)]
pub use scrimp_stampede as stampede;
#[cfg(feature = "values")]
#[doc(inline)]
pub use scrimp_values as values;
#[cfg(feature = "warm")]
#[doc(inline)]
pub use scrimp_warm as warm;

#[cfg(all(doctest, feature = "cache"))]
#[doc = include_str!("../README.md")]
struct Readme;
