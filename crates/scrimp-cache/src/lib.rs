//! HTTP caching (RFC 9111) with operator rules, as a tower layer.
//!
//! On axum, enable the feature `axum`: a layer inside `nest("/v1", ..)` and `nest("/v2", ..)` is
//! shown `/items` for `/v1/items` and for `/v2/items`, and without the feature, or
//! [`CacheLayerBuilder::target_uri`], it answers one with the other. Around the nested routers paths are
//! whole in either case.
//!
//! [`CacheLayer`] answers GET and HEAD from memory where HTTP allows it, or where a rule of
//! yours does, and keeps what passes by while it passes: the first byte of a miss is never
//! held back for the cache. It goes onto axum servers and outbound clients alike.
//!
//! # On a server
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = CacheLayer::builder(MemoryStore::new(64 << 20)) // bytes
//!     .rule("path=/api/products query=category,page header=x-customer-tier ttl=5m")
//!     .build()?;
//! let app = Router::new()
//!     .route("/api/products", get(|| async { "[]" }))
//!     .layer(cache.clone());
//!
//! for uri in ["/api/products?category=books&page=1", "/api/products?page=1&category=books"] {
//!     let response = app.clone().oneshot(Request::get(uri).body(Body::empty())?).await?;
//!     http_body_util::BodyExt::collect(response.into_body()).await?; // kept at its clean end
//! }
//! assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
//! # Ok(()) }
//! ```
//!
//! # On a client
//!
//! Any `tower::Service` over `http` types will do; here one that would cost a cent a call.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use scrimp_cache::{CacheLayer, MemoryStore, Mode};
//! use scrimp_core::Ledger;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let paid_api = service_fn(|_: Request<Full<Bytes>>| async {
//!     let response = Response::builder().header("cache-control", "max-age=60");
//!     response.body(Full::new(Bytes::from("{\"rate\":1.07}")))
//! });
//! let ledger = Ledger::new();
//! let cache = CacheLayer::builder(MemoryStore::new(8 << 20))
//!     .mode(Mode::Private)
//!     .ledger(ledger.clone())
//!     .price("0.01")
//!     .build()?;
//! let client = cache.layer(paid_api);
//!
//! for _ in 0..100 {
//!     let request = Request::get("https://api.example.com/rate").body(Full::default())?;
//!     let response = client.clone().oneshot(request).await?;
//!     http_body_util::BodyExt::collect(response.into_body()).await?;
//! }
//! assert_eq!(ledger.lines()[0].saved.to_string(), "$0.99");
//! # Ok(()) }
//! ```
//!
//! # What it does
//!
//! - **Freshness** by Cache-Control, targeted Cache-Control (RFC 9213), Expires, Age and
//!   heuristics, as a shared or a private cache ([`Mode`]); a [`Rule`]'s TTL comes first.
//! - **Validation**: stale responses are revalidated, 304s merged; where none of the stored
//!   variants matches, the upstream is asked whether one of them is the answer; clients'
//!   conditions, single and several byte ranges are answered from store.
//! - **Staleness** as allowed: `stale-while-revalidate` (one refresh per response, in the
//!   background), `stale-if-error`, an upstream that cannot be reached, `max-stale`; and by
//!   rule (`fail-safe`, `soft-timeout`).
//! - **Invalidation** by tag, version, prefix, glob, URI and more ([`Invalidation`]), that an
//!   answer under way cannot undo; by unsafe methods; by cache groups (RFC 9875).
//! - **Safe by default**: requests with Cookie bypass a shared cache, Set-Cookie is not
//!   stored unless the origin says `public`, requests that differ in one of the
//!   [credentials](CacheLayerBuilder::credentials) never share an answer unless it says that it is for
//!   everyone (RFC 9111 §3.5), a GET with a body is passed on, keys hold everything of the URI.
//!   What a request claims of its target elsewhere (X-Forwarded-Host and the like, a Host that
//!   is not the URI's) is part of the key; one that overrides its method or URL, or names its
//!   host in two ways, is passed on. A field name with `_` decides what the name with `-`
//!   decides, as upstreams behind WSGI and the like read it. Rules on paths leave alone what
//!   upstreams may read as another path.
//! - **One key for equivalent URIs** (RFC 3986 §6.2.2–3): case of scheme and host, default port,
//!   escaped unreserved characters, dot segments; they are one target of invalidation too, where
//!   a dot at the end of the host makes no difference either. What was fetched under an unusual
//!   spelling of the path answers that spelling only: some upstreams tell `/%70` from `/p`, and
//!   one client must not decide what others get.
//! - **Uncacheable answers** cost little: a key whose answer could not be stored is remembered,
//!   and its next request only watched. So the first answer that could be stored again is not;
//!   the one after it is.
//! - **Explained**: Cache-Status (RFC 9211) on every response, [`CacheStats`], a
//!   [`Ledger`](scrimp_core::Ledger), and a
//!   [`CacheInfo`](scrimp_core::extensions::CacheInfo) for layers outside that ask for one.
//!
//! # When not to use it
//!
//! Where every answer is personal and changes with every call. In front of an origin that
//! sends `max-age` on personal answers without `private`: fix the origin, or write a
//! `bypass` rule. For gRPC, whose answers are all POST.
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready: a hit needs nothing of the inner service. Dropping a response
//! future cancels its upstream call; a body that was not read to its end, broke off, or was
//! not as long as it said is not stored. Refreshes and puts in the background end with
//! the last service and the last clone of the layer. The error type is the inner service's, so
//! `Infallible` stays `Infallible`. A store that fails or takes too long costs no
//! request. A request with `only-if-cached` that nothing stored can answer gets a 504: a problem
//! document ([`scrimp_core::Problem`]) with the type `urn:scrimp:cache:only-if-cached`.
//!
//! Refreshes, soft time-outs and stores that answer later need a tokio runtime.
//!
//! # Features
//!
//! - `axum`: the URI that axum keeps while nested routers shorten the one they show is the
//!   target; and a body of unknown length is looked at, so that an HTTP/2 request whose stream
//!   ends with an empty frame counts as one without a body.
//! - `codec`: `Codec` writes stored responses as bytes, for a [`Store`] on disk or over a
//!   network, and `Journal` lets what was invalidated stay so after a restart.
//! - `serde`: [`CacheStats`] serialises.
//! - `no-vary-search`: keys leave out what No-Vary-Search (a draft) says does not count.

mod body;
mod builder;
mod cache_status;
mod config;
mod digits;
mod entry;
mod future;
mod invalidation;
mod layer;
mod lookup;
mod pattern;
mod policy;
mod request;
mod rule;
mod service;
mod shared;
mod stats;
mod upstream;

pub use body::CacheBody;
pub use builder::CacheLayerBuilder;
#[cfg(feature = "codec")]
pub use entry::{Codec, DecodeError};
pub use entry::{
    Entry, FillToken, Held, Lookup, MemoryBudget, MemoryStore, MemoryStoreBuilder, PutOutcome,
    Store, Variants,
};
pub use future::CacheFuture;
#[cfg(feature = "codec")]
pub use invalidation::Journal;
pub use invalidation::{Admin, AdminFuture, Invalidation, Invalidator};
pub use layer::CacheLayer;
pub use pattern::Pattern;
pub use policy::{Mode, Policy, Selection, Source};
pub use rule::{Rule, RuleBuilder, RuleError};
pub use scrimp_core::SettingError;
pub use scrimp_http::credentials::Credentials;
pub use service::Cache;
pub use stats::{CacheStats, StoreStats};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
