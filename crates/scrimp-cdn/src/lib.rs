//! A CDN in front: its fields on responses, and purges that are retried until accepted.
//!
//! A cache in front of a server saves the most, if it may keep responses for a day instead of a
//! minute. For that it has to learn of changes. This crate has the two halves:
//!
//! - [`CdnLayer`] gives responses the lifetimes and tags that the CDN reads.
//! - [`CdnPurger`] carries every invalidation of a cache to the CDN, by the API of [`Fastly`],
//!   [`Cloudflare`], [`Varnish`] or [`Nginx`]. Another one is a type with the trait [`CdnApi`].
//!
//! # A server behind Fastly
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, extract::Path, routing::get};
//! use http::{Request, Response};
//! # use bytes::Bytes;
//! # use http_body_util::Full;
//! use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
//! use scrimp_cdn::{Cdn, CdnLayer, CdnLifetime, CdnPurger, Fastly};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In a program, a client such as hyper-util's with TLS.
//! let client = service_fn(|request: Request<Full<Bytes>>| async move {
//!     assert_eq!(request.uri(), "https://api.fastly.com/service/SU1Z0isxPaozGVKXdv0eY/purge/product:7");
//!     Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from(r#"{"status":"ok"}"#)))
//! });
//! let purger = CdnPurger::builder(Fastly::new("SU1Z0isxPaozGVKXdv0eY", "token")).build(client)?;
//!
//! let day = CdnLifetime::new(Duration::from_secs(86_400));
//! let fields = CdnLayer::builder([Cdn::Fastly]).lifetime(day).build()?;
//! let cache = CacheLayer::for_origin(MemoryStore::new(64 << 20)) // bytes
//!     .rule("path=/products/** ttl=1m")
//!     .purger(purger.clone())
//!     .build()?;
//! let product = |Path(id): Path<u32>| async move {
//!     ([("surrogate-key", format!("product:{id}"))], format!("product {id}"))
//! };
//! let app = Router::new()
//!     .route("/products/{id}", get(product))
//!     .layer(ServiceBuilder::new().layer(fields).layer(cache.clone())); // the first is outside
//!
//! let request = Request::get("/products/7").body(axum::body::Body::empty())?;
//! let response = app.oneshot(request).await?;
//! assert_eq!(response.headers()["surrogate-control"], "max-age=86400");
//! assert_eq!(response.headers()["surrogate-key"], "product:7 product:");
//!
//! // The product has changed: it is gone here at once, and then there.
//! cache.invalidator().invalidate(&Invalidation::tag("product:7"));
//! purger.delivered().await;
//! assert_eq!(purger.stats().delivered, 1);
//! # Ok(()) }
//! ```
//!
//! # Fields
//!
//! [`Cdn`] lists the fields of each CDN. `CdnLayer` goes outside of the cache, so that hits get
//! them too, and so that the cache does not take the CDN's lifetime for its own.
//!
//! The tags of a response are those of the extension [`Tags`](scrimp_core::extensions::Tags), on
//! the request or on the response (a cache keeps the latter with `keep_extension::<Tags>()`), those
//! in its fields Surrogate-Key and Cache-Tag, those of [`tags_with`](CdnLayerBuilder::tags_with), and
//! those of a cache inside, by which that can invalidate the response: by the tags of its rules
//! (`tag=product:{id}`), by its own `tags_with`, and by other fields that it reads tags from. The
//! layer asks for them with the extension [`TellTags`](scrimp_core::extensions::TellTags), also on
//! hits, and [`CacheTags`](scrimp_core::extensions::CacheTags) on the response has them.
//! Each tag is written with its prefixes that end in `:` or `/`, so that a prefix can be purged
//! where the CDN itself knows none. [`tag_key`] says how tags are written.
//!
//! A response that a cache inside serves stale, such as one that was softly invalidated, has the
//! lifetime 0 for the CDN, which would keep it for the whole one otherwise.
//!
//! A private response gets no field:
//!
//! - to a request with credentials or cookies, unless it says that it is for everyone (`public`,
//!   `s-maxage` or `must-revalidate`),
//! - with Set-Cookie, `private`, `no-store` or `Vary: *`,
//! - to a request that [`private_if`](CdnLayerBuilder::private_if) or an outer layer's says is private,
//! - to any other request than GET and HEAD.
//!
//! That does not keep a private response out of a CDN, which decides by Cache-Control and by its own
//! settings: such a response should say `private`. A response whose tags do not fit into a field
//! (16,000 bytes), or were forgotten by a store, gets `no-store` for the CDN, as a purge could not find it.
//!
//! The lifetime is that of [`lifetime`](CdnLayerBuilder::lifetime), of a function, or that in the cache
//! inside ([`lifetime_of_cache`](CdnLayerBuilder::lifetime_of_cache)), so that a rule such as
//! `path=/products/** ttl=5m` says it for both.
//!
//! # Purges
//!
//! A purge is expressed in the CDN's terms: exactly, or as the next wider one that it has, up to
//! everything. It then waits in a bounded queue that holds no duplicates. If the queue is full, what
//! waits becomes wider; none is lost. Workers take batches within the documented limits of the
//! CDN, at its documented rates, and send them until they are accepted: after an error, a time-out,
//! a 5xx or a 429 with growing waits, or as long as Retry-After says. A batch that the CDN refuses
//! is divided, and a refused item widened.
//!
//! [`PurgeStats`] counts all of this. Logs have no tokens, and no names of tags or URLs.
//!
//! The cache behind the CDN is invalidated first, so that the CDN cannot fetch an old stored response.
//! One case remains: a response that the server began to make before a change, and that reaches the
//! CDN after the purge: it stays there for its lifetime, unless purges are
//! [repeated](CdnPurgerBuilder::repeat_after).
//!
//! # Varnish
//!
//! [`VARNISH_VCL`] has the subroutines for purges, and sets the lifetimes of [`Cdn::Varnish`]. Soft
//! purges of keys and URLs make objects stale; Varnish serves them within their grace
//! (`stale-while-revalidate`) while it fetches them again.
//!
//! # When not to use it
//!
//! Where responses differ for each user, a CDN stores little. Where a lifetime of seconds is enough, no
//! purge is needed. In a fleet, let one node purge for an invalidation: the one at which it
//! is made. The others hear of it by their log; until they have, the CDN can fetch an old response
//! from one of them: `repeat_after` is for that, too.
//!
//! # Readiness, cancellation, failure
//!
//! The service of `CdnLayer` is ready when its inner service is, always calls it, and passes bodies
//! on unchanged; it counts those that break off. It asks the cache inside for its verdict and its tags (the extensions `Explain` and `TellTags`). Purges never delay a request. Workers end with the last clone of a `CdnPurger`: at the end
//! of a program, wait for [`delivered`](CdnPurger::delivered), with a time-out.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod fields;
mod item;
mod purge;
mod tag;

pub use api::{
    BatchLimits, CdnApi, CdnRates, Cloudflare, CloudflarePlan, Fastly, Nginx, PurgeVerdict,
    VARNISH_BAN_VCL, VARNISH_VCL, Varnish,
};
pub use fields::{
    Cdn, CdnFuture, CdnLayer, CdnLayerBuilder, CdnLifetime, CdnService, CdnStats, NotMarked,
};
pub use item::{Expressed, ItemKind, PurgeItem};
pub use purge::{CdnPurger, CdnPurgerBuilder, PurgeStats};
pub use scrimp_core::SettingError;
pub use tag::tag_key;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
