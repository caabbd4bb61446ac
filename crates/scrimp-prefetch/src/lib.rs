//! Learns what each session asks for next, and fetches it ahead of time where that pays, as a tower layer.
//!
//! [`PrefetchLayer`] goes outside a cache. It notes which targets follow which in the sessions of an API or
//! a site, predicts what a session will ask for next, and lets the inner stack fetch it a few seconds before
//! its expected time, with [`Directive::Prefetch`](scrimp_core::extensions::Directive::Prefetch) and low
//! priority. The cache keeps the response, and the caller does not wait.
//!
//! A prefetch never spares a call: the caller would have made it anyway. It spares waiting, and costs one call
//! if no caller asks for what it fetched. So the layer needs to know what waiting is worth and what a call costs,
//! and fetches only if `P · value of waiting − (1 − P) · price` is a quarter of the price or more, with a probability
//! `P` that is [calibrated](Calibration) by what came of earlier predictions, and lowered to how useful earlier
//! prefetches have been, as those of what is asked for most find it fresh in store. Those that are not made for this
//! reason are watched, which costs nothing: if they would have been useful, the estimate rises again. Without a value
//! of waiting it learns, and fetches nothing.
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_prefetch::{PrefetchLayer, SessionKey};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let prefetch = PrefetchLayer::builder(SessionKey::header("x-visit".parse()?))
//!     .value_of_waiting("0.002") // dollars
//!     .price("0.0005")
//!     .budget_per_hour("1")
//!     .build()?;
//! let cache = CacheLayer::new(MemoryStore::new(64 << 20)); // bytes
//! # type Body = Empty<bytes::Bytes>;
//! let client = prefetch.layer(cache.layer(service_fn(|_: Request<Body>| async {
//!     Ok::<_, std::io::Error>(Response::new(Body::new()))
//! })));
//!
//! let request = Request::get("http://shop.test/").header("x-visit", "ann");
//! client.oneshot(request.body(Body::new())?).await?;
//! assert_eq!(prefetch.stats().requests, 1);
//! # Ok(()) }
//! ```
//!
//! # Rules
//!
//! Nothing that is known beforehand need be learned. Rules are tried before the model, and their confidence is
//! only where their calibration begins:
//!
//! ```
//! use std::time::Duration;
//!
//! use scrimp_prefetch::{PrefetchLayer, RulePredictor, SessionKey};
//!
//! # fn main() -> Result<(), scrimp_prefetch::SettingError> {
//! let rules = RulePredictor::new().rule(
//!     "/api/products/{id}",
//!     "/api/products/{id}/reviews",
//!     0.8,
//!     Duration::from_secs(5),
//! )?;
//! let prefetch = PrefetchLayer::builder(SessionKey::cookie("sid"))
//!     .rules(rules)
//!     .value_of_waiting("0.002 EUR")
//!     .price("0.0005 EUR")
//!     .min_confidence(0.7)
//!     .build()?;
//! # let _ = prefetch; Ok(()) }
//! ```
//!
//! The model is [`MarkovPredictor`]. It also learns which parts of paths are parameters, so that what follows
//! `/products/17` is expected after `/products/18`. A model of your own implements [`Predictor`]; the crate
//! scrimp-onnx runs one in ONNX. Nothing is fetched upon a model's
//! word before outcomes have shown how often it is right, and then upon the least probability that fits them; to
//! watch predictions costs nothing.
//!
//! # Browsers
//!
//! With [`browser_rules`](PrefetchLayerBuilder::browser_rules), browsers fetch, and the layer does not. Each page
//! has a `Speculation-Rules` field with one path for all sessions, so a cache may keep it with the page. There the
//! application serves [`PrefetchLayer::speculation_rules`], which answers each session with the pages that it
//! is expected to visit next, if they pay, and which no cache stores. What a browser has fetched ahead of time makes no
//! request when its user visits it; that it asks for rules from there is the visit. Browsers may ignore rules, and
//! their prefetches are not among `useful`, `late` and `wasted`.
//!
//! With [`browser_links`](PrefetchLayerBuilder::browser_links), pages that no shared cache may store name the
//! pages that their session is expected to visit next, in `Link` fields with `rel=prefetch`. The prediction is made while
//! the page is, and no page waits for it. A visit of what such a link has brought is not seen where the browser
//! takes it from its own cache.
//!
//! Requests that a browser makes ahead of time (`Sec-Purpose: prefetch`) are counted as `browser_prefetches`. Nothing is
//! learned from them.
//!
//! # Users who come back
//!
//! [`Precompute`] makes responses for users who are likely to come within the hour, by [`ActivityPredictor`].
//!
//! # What is fetched
//!
//! Only what a GET without body, range and secrets in its query has brought before, with success, and what
//! the cache may keep, or what a rule names. Requests with a directive for scrimp's layers, and those that a
//! `PrivateIf` of an outer layer calls private, are not learned. The request of a prefetch has the fields of
//! the session's last request, without conditions, cache directives, trace fields and credentials. Unless
//! [`personal`](PrefetchLayerBuilder::personal) is set, a target must have been asked for by two sessions, as
//! what only one asks for may be its secret.
//!
//! # When not to use it
//!
//! Without a cache inside, what is fetched is thrown away. If all requests have cookies and the cache bypasses
//! them, as `CacheLayer` does by default, what is fetched is of no use; the layer sees that in the cache's
//! verdicts and does not fetch. GETs that change something are a fault of the API, which a prefetch would
//! show: give such paths another method, or no session.
//!
//! On axum, put the layer around the whole router
//! (`Router::new().fallback_service(app).layer(..)`), where the target is the URI that the request shows.
//! Requests behind a nested router are passed on. Where one layer is on several routes, only targets that
//! were seen on a route are fetched through it, and rules predict no others.
//!
//! # Waiting, cancellation, failure
//!
//! The service calls its inner service once for each request, and is ready when that is. Learning, predicting
//! and fetching go on in one background task, which starts with the first request on its runtime and ends with
//! the layer and its services; calls in flight end with it. A full queue, a slow predictor or one that panics
//! costs predictions, never a request. A prefetch is in flight once for each target. A caller who asks for the
//! same meanwhile makes a call of its own, so that the refusal of a prefetch is never its answer; this counts
//! as `late`.
//!
//! # Erasure
//!
//! [`PrefetchLayer::forget`] erases what is known of one session, and [`Precompute::forget`] a user. What was counted of
//! all sessions is no data of a person, and stays.
//!
//! # Bounds
//!
//! Sessions, targets, the model, plans, calls in flight and the queue have fixed sizes. What was not used for
//! longest makes room, in constant time.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod activity;
mod builder;
mod calibration;
mod common;
mod config;
mod fetch;
mod fetching;
mod flights;
mod future;
mod item;
mod layer;
mod learning;
mod message;
#[cfg(feature = "metrics")]
mod metered;
mod predictor;
mod request;
mod service;
mod session;
mod shared;
mod speculation;
mod stats;
mod trail;
mod worker;

pub use activity::{
    ActivityPredictor, ActivityPredictorBuilder, Precompute, PrecomputeBuilder, PrecomputeStats,
};
pub use builder::PrefetchLayerBuilder;
pub use calibration::Calibration;
pub use future::PrefetchFuture;
pub use item::ItemId;
pub use layer::PrefetchLayer;
pub use predictor::{
    MarkovPredictor, MarkovPredictorBuilder, Next, Prediction, Predictor, RulePredictor, Visit,
};
pub use scrimp_core::SettingError;
pub use service::Prefetch;
pub use session::SessionKey;
pub use speculation::{SpeculationRules, SpeculationRulesFuture};
pub use stats::PrefetchStats;
pub use trail::Trail;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
