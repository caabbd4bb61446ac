//! Tower layers that cut what an API costs to call and to serve.
//!
//! Each layer is a crate of its own; this one gathers them, by feature:
//!
//! | feature | module | what it saves |
//! |---|---|---|
//! | `cache` | `scrimp::cache` | requests whose answer is known already |
//! | `cost-route` | `scrimp::cost_route` | the difference to the cheapest provider that is good enough |
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

#[cfg(feature = "cache")]
#[doc(inline)]
pub use scrimp_cache as cache;
#[doc(inline)]
pub use scrimp_core as core;
#[cfg(feature = "cost-route")]
#[doc(inline)]
pub use scrimp_cost_route as cost_route;
