//! HTTP caching (RFC 9111) with operator rules, as a tower layer.
//!
//! On axum, enable the feature `axum`. A layer inside `nest("/v1", ..)` and `nest("/v2", ..)` sees
//! `/items` for both `/v1/items` and `/v2/items`. Without the feature, or
//! [`CacheLayerBuilder::target_uri`], it would answer one with the other. Around the nested
//! routers it sees whole paths.
//!
//! [`CacheLayer`] answers GET and HEAD from the store if HTTP or one of your rules allows it, and
//! stores responses while they pass: the cache never delays the first byte of a miss. It works on
//! axum servers and on outbound clients.
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
//! let cache = CacheLayer::for_origin(MemoryStore::new(64 << 20)) // bytes
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
//! Any `tower::Service` over `http` types will do; this one costs a cent per call.
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
//!   heuristics, as a shared or a private cache ([`Mode`]). A [`Rule`]'s TTL comes first.
//! - **Validation**: stale responses are revalidated, and 304s merged. If no stored variant
//!   matches, the upstream can choose one of them. Clients' conditions and byte ranges, single and
//!   several, are answered from the store.
//! - **Staleness** as allowed: `stale-while-revalidate` (one refresh per response, in the
//!   background), `stale-if-error`, an upstream that cannot be reached, `max-stale`; and by rule
//!   (`fail-safe`, `soft-timeout`).
//! - **In the background**, an error never replaces a good response: the first caller who waits
//!   for the upstream gets it. A shared cache sends a refresh without the credentials and cookies
//!   of the caller who starts it, except those that are in the key or named by Vary, as all
//!   callers that it is for have the same. If the upstream refuses such a refresh, callers with
//!   credentials start no other one: they get the stale response while that is allowed. A call
//!   that goes on after `soft-timeout` is the caller's own; if its response is a refusal, the next
//!   caller waits. Extensions of a request go along, as handlers need them: an identity in them
//!   has to be a [`Tenant`](scrimp_core::extensions::Tenant).
//! - **Event streams** (server-sent events, lines of JSON, `multipart/mixed`, gRPC) pass through. A
//!   rule may keep one that is finite and has ended cleanly ([`keep_events`](RuleBuilder::keep_events)). It
//!   is then sent as a stream.
//! - **Invalidation** by tag, version, prefix, glob, URI and more ([`Invalidation`]), which a
//!   response in progress cannot undo; by unsafe methods; by cache groups (RFC 9875).
//! - **Tiers**: [`Tiered`] keeps responses in memory and in a slower store below, or in three.
//! - **Safe by default**: requests with Cookie bypass a shared cache. Set-Cookie is not stored
//!   unless the origin says `public`. Requests that differ in one of the
//!   [credentials](CacheLayerBuilder::credentials) never share a response, unless it says that it
//!   is for everyone (RFC 9111 §3.5), or a rule says that it is the same for every authorised caller
//!   (`auth=shared`). A 401, 403 or 407 is not shared with callers with cookies either, whatever a
//!   rule says of cookies, unless it names those that count. Requests that belong to a session of a
//!   layer outside are told by [`private_if`](CacheLayerBuilder::private_if). A GET with a body is
//!   passed on. Keys hold the whole URI. A request's other claims about its target
//!   (X-Forwarded-Host and the like, a Host that differs from the URI's) are part of the key. A
//!   request that overrides its method or URL, or names its host in two ways, is passed on. A field
//!   name with `_` counts as the name with `-`, as upstreams behind WSGI and the like read it.
//!   Rules on paths skip a path that upstreams may read as another one.
//! - **One key for equivalent URIs** (RFC 3986 §6.2.2–3): case of scheme and host, default port,
//!   escaped unreserved characters, dot segments. They are also one target of invalidation, which
//!   ignores a dot at the end of the host too. A response fetched under an unusual spelling of the
//!   path answers that spelling only: some upstreams distinguish `/%70` from `/p`, and one client
//!   must not choose the responses of others.
//! - **Extensions** of a response reach the caller whose request was sent. Those that the operator chooses
//!   are stored, and hits carry them ([`keep_extension`](CacheLayerBuilder::keep_extension)).
//! - **Uncacheable responses** cost little: a key whose response could not be stored is
//!   remembered, and its next request is only watched. So the first response that becomes storable
//!   is not stored; the next one is.
//! - **Explained**: Cache-Status (RFC 9211) on every response, [`CacheStats`] with a count of each
//!   [reason for not storing](NotStored), a
//!   [`Ledger`](scrimp_core::Ledger), and a [`CacheInfo`](scrimp_core::extensions::CacheInfo) for
//!   outer layers that ask for one.
//!
//! # When not to use it
//!
//! - Every response is personal and changes with every call.
//! - The origin sends `max-age` on personal responses without `private`. Fix the origin, or write
//!   a `bypass` rule.
//! - The service is gRPC, where every call is a POST.
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready: a hit does not need the inner service. Dropping a response future
//! cancels its upstream call. A body that was not read to its end, broke off, or differs from its
//! announced length is not stored. Background refreshes and puts end with the last service and the
//! last clone of the layer.
//!
//! The error type is the inner service's, so `Infallible` stays `Infallible`. A store that fails
//! or takes too long never fails a request. A request with `only-if-cached` that no stored
//! response can answer gets a 504: a problem document ([`scrimp_core::Problem`]) with the type
//! `urn:scrimp:cache:only-if-cached`.
//!
//! A request with a [`Deadline`](scrimp_core::extensions::Deadline) is answered by then: from the
//! store, if a stored response may take the place of an error (`stale-if-error`, `fail-safe`), else
//! with a 504 of the type `urn:scrimp:cache:deadline`. Its call is cancelled. Calls in the
//! background have no deadline. The limit is that of the response's head: the error of a body is
//! that of the inner service, which has none for it.
//!
//! Refreshes, soft time-outs and stores that answer later need a tokio runtime.
//!
//! # Features
//!
//! - `axum`: the target is the URI that axum keeps while nested routers shorten the visible one. A
//!   body of unknown length is examined, so that an HTTP/2 request whose stream ends with an empty
//!   frame counts as one without a body.
//! - `codec`: `Codec` encodes stored responses for a [`Store`] on disk or over a network, and
//!   `Journal` keeps invalidations over a restart. `SharedLog` is the log of invalidations of a
//!   fleet of processes.
//! - `compression`: `Compression::Fast` for the bodies among these bytes.
//! - `encryption`: `Codec::encryption` encrypts these bytes, and `EncryptedJournal` those of a journal.
//! - `metrics`: reports the counts through the `metrics` facade: `scrimp_core::metrics`.
//! - `serde`: [`CacheStats`] serialises.
//! - `no-vary-search`: keys leave out the parts of a query that No-Vary-Search (a draft) excludes.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod builder;
mod cache_status;
mod changes;
mod config;
#[cfg(feature = "codec")]
mod digest;
mod entry;
mod future;
mod invalidation;
mod kept;
mod layer;
mod lookup;
#[cfg(feature = "metrics")]
mod metered;
mod monitor;
mod packed;
mod pattern;
mod policy;
mod request;
mod rule;
mod service;
mod shared;
mod stats;
mod tiered;
mod upstream;

pub use body::CacheBody;
pub use builder::CacheLayerBuilder;
#[cfg(feature = "codec")]
pub use entry::{Codec, Compression, DecodeError};
#[cfg(feature = "encryption")]
pub use entry::{EncryptedJournal, EncryptionKeys};
pub use entry::{
    Entry, FillToken, Held, Lookup, MemoryBudget, MemoryStore, MemoryStoreBuilder, PutOutcome,
    Store, Variants,
};
pub use future::CacheFuture;
pub use invalidation::{Admin, AdminFuture, Erased, Erasing, Erasure, Invalidation, Invalidator};
#[cfg(feature = "codec")]
pub use invalidation::{
    Journal, LogReplica, OutgoingRecord, RecordId, SharedLog, UnreadableRecord,
};
pub use layer::CacheLayer;
pub use pattern::Pattern;
pub use policy::{Mode, NotStored, Policy, Selection, Source};
pub use rule::{Rule, RuleBuilder, RuleError};
pub use scrimp_core::{SettingError, gib, kib, mib};
pub use scrimp_http::credentials::Credentials;
pub use service::Cache;
pub use stats::{CacheStats, LearnedStats, StoreStats};
pub use tiered::{
    FrequencyTiers, Placement, SavingPerByte, TierCandidate, TierPolicy, TierStats, Tiered,
    TieredBuilder,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
