//! Tower layers that cut what an API costs to call and to serve.
//!
//! Each layer is a crate of its own; this one gathers them, by feature:
//!
//! | feature | module | what it saves |
//! |---|---|---|
//! | `batch` | `scrimp::batch` | calls that can be made together |
//! | `cache` | `scrimp::cache` | requests whose answer is known already |
//! | `coalesce` | `scrimp::coalesce` | requests whose answer is on its way already |
//! | `cache-codec` | | the same after a restart: stored responses as bytes, for stores of your own |
//! | `cost-route` | `scrimp::cost_route` | the difference to the cheapest provider that is good enough |
//! | `no-vary-search` | | requests that differ in what No-Vary-Search says does not count |
//! | `reqwest` | `scrimp::reqwest` | (the layers on reqwest's client) |
//! | `reqwest-middleware` | | (and at the end of a chain of reqwest-middleware) |
//! | `stampede` | `scrimp::stampede` | waiting when an answer expires, and calls made at once for the same |
//!
//! Nothing is on by default. The vocabulary that the layers share is in [`core`].
//!
//! ```
//! # #[cfg(feature = "cache")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use scrimp::cache::{CacheLayer, MemoryStore};
//!
//! let cache = CacheLayer::new(MemoryStore::new(64 << 20))
//!     .rule("path=/api/products query=category,page header=x-customer-tier ttl=5m".parse()?);
//! let app: axum::Router = axum::Router::new()
//!     .route("/api/products", axum::routing::get(|| async { "[]" }))
//!     .layer(cache);
//! # let _ = app; Ok(()) }
//! # #[cfg(not(feature = "cache"))] fn main() {}
//! ```
//!
//! Layers know how to work together. What is added last is outermost:
//!
//! ```
//! # #[cfg(all(feature = "cache", feature = "stampede"))] {
//! use scrimp::{
//!     cache::{CacheLayer, MemoryStore},
//!     stampede::StampedeLayer,
//! };
//!
//! let app: axum::Router = axum::Router::new()
//!     .route("/api/products", axum::routing::get(|| async { "[]" }))
//!     .layer(CacheLayer::new(MemoryStore::new(64 << 20)))
//!     .layer(StampedeLayer::new()); // refreshes the cache before answers expire
//! # let _ = app;
//! # }
//! ```

#[cfg(feature = "batch")]
#[doc(inline)]
pub use scrimp_batch as batch;
#[cfg(feature = "cache")]
#[doc(inline)]
pub use scrimp_cache as cache;
#[cfg(feature = "coalesce")]
#[doc(inline)]
pub use scrimp_coalesce as coalesce;
#[doc(inline)]
pub use scrimp_core as core;
#[cfg(feature = "cost-route")]
#[doc(inline)]
pub use scrimp_cost_route as cost_route;
#[cfg(feature = "reqwest")]
#[doc(inline)]
pub use scrimp_reqwest as reqwest;
#[cfg(feature = "stampede")]
#[doc(inline)]
pub use scrimp_stampede as stampede;
