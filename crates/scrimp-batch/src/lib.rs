//! Batching of many small calls into one paid call, as a tower layer.
//!
//! Some APIs take several requests in one call, and are paid, limited or slow per call. For them,
//! [`BatchLayer`] sends requests that come at about the same time as one batch: REST in a JSON
//! envelope ([`RestJson`]: Microsoft Graph, OData and simpler formats), JSON-RPC 2.0
//! ([`JsonRpc`]), GraphQL in an array ([`GraphQl`]), calls with arrays of inputs ([`ArrayInput`]),
//! or a protocol of your own ([`BatchCodec`]). Each caller sends its own request and gets its own
//! response.
//!
//! Inside a nested router of axum (`nest`), enable the feature `axum` or set
//! [`target_uri`](BatchLayerBuilder::target_uri). Otherwise `/v1/items` and `/v2/items` both count
//! as `/items`: if one service, or services that
//! [share](BatchLayerBuilder::share_services), get both, one of them is answered for the other.
//!
//! # On a client
//!
//! The upstream is a closure that stands for an API of one cent per call.
//!
//! ```
//! use bytes::Bytes;
//! use futures_util::future::join_all;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use scrimp_batch::{BatchLayer, RestJson};
//! use scrimp_core::BoxError;
//! use serde_json::{Value, json};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let api = service_fn(|request: Request<Full<Bytes>>| async {
//!     let body = request.into_body().collect().await?.to_bytes();
//!     let batch: Value = serde_json::from_slice(&body)?;
//!     let asked = batch["requests"].as_array().ok_or("not a batch")?;
//!     let answer = |item: &Value| json!({"id": item["id"], "status": 200, "body": item["url"]});
//!     let answers: Vec<Value> = asked.iter().map(answer).collect();
//!     let body = json!({"responses": answers}).to_string();
//!     Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(body))))
//! });
//! let layer = BatchLayer::builder(RestJson::new("/api/batch").base("/api")).build()?;
//! let client = layer.layer(api);
//!
//! let widgets = (0..20).map(|n| {
//!     let uri = format!("https://api.example.com/api/metrics/{n}");
//!     client.clone().oneshot(Request::get(uri).body(Full::default()).unwrap())
//! });
//! for (n, response) in join_all(widgets).await.into_iter().enumerate() {
//!     let body = response?.into_body().collect().await?.to_bytes();
//!     assert_eq!(body, format!("\"/metrics/{n}\""));
//! }
//! assert_eq!((layer.stats().batches, layer.stats().items), (1, 20));
//! # Ok(()) }
//! ```
//!
//! # Around any service
//!
//! [`GroupLayer`] batches for any tower service that takes many requests at once, such as rows by
//! id or messages for a queue. [`GroupLayer::distinct`] sends equal requests once, and [`Memo`] keeps
//! the answers for one scope, such as one request to a GraphQL server.
//!
//! ```
//! use std::{collections::HashMap, convert::Infallible};
//! use scrimp_batch::{ByIndex, GroupLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = service_fn(|ids: Vec<u32>| async move {
//!     // SELECT id, name FROM users WHERE id IN (..): rows in any order, some missing
//!     let rows = HashMap::from([(7, "Ada"), (1, "Grace")]);
//!     let found = ids.iter().enumerate().map(|(n, id)| (n, rows.get(id).copied()));
//!     Ok::<_, Infallible>(ByIndex(found.collect()))
//! });
//! let users = GroupLayer::new().layer(database);
//! let (ada, missing) = tokio::join!(users.clone().oneshot(7), users.oneshot(8)); // one query
//! assert_eq!((ada?, missing?), (Some("Ada"), None));
//! # Ok(()) }
//! ```
//!
//! # Behaviour
//!
//! - **Lanes.** Requests share a batch only if scheme, authority, tenant,
//!   [credentials](BatchLayerBuilder::credentials) and the codec's own parts are equal. Fields that
//!   trace a call or frame its message do not matter. A lane collects while its calls are in
//!   flight.
//! - **Windows.** A [`BatchWindow`] sets the time to collect: a fixed time, or as long as waiting is
//!   cheaper than calling (the default if [`price`](BatchLayerBuilder::price) and
//!   [`price_of_waiting`](BatchLayerBuilder::price_of_waiting) are set), or only while a call is in
//!   flight. Limits on items, bytes and weight end a batch too.
//! - **Single requests.** A request that is alone in its window is sent as it came, and its response
//!   streams. Equal requests without effects are sent once, and take the room of one in a batch. A
//!   response that stays open delays no later request, and a stream (an event stream, parts, lines of
//!   JSON) takes no place among the calls in flight.
//! - **Learned sizes.** A batch that is refused, by 413 or in the protocol's own way, is halved until
//!   it is accepted. If the refusal names a limit, the items are sent in batches of that size, and if
//!   the upstream stopped within the batch, only the rest is sent again. The upstream's limit is
//!   remembered for ten minutes. It is raised one by one if it was found, and not if it was named. An
//!   item that causes refusals is found and sent alone.
//! - **Missing endpoints.** If the endpoint takes no batches (403, 404, 405, 410, 415, 501, a redirect
//!   that keeps the method, with [`RestJson`] also 401, or an error that says so), the items go one by
//!   one, and so do the next ones of the lane for ten minutes. Other failures of the whole are the
//!   answer to each item with `no-store`.
//! - **Fields of the whole.** What the response to a batch says of caching, cookies and limits holds for
//!   each item, so that a cache outside stores no more than it would of single calls: see
//!   [`scrimp_http::part`].
//! - **Content codings.** A batch asks for none, and an answer that has one is decoded (gzip, deflate,
//!   br, zstd, up to [`max_answer`](BatchLayerBuilder::max_answer)) with the feature `decode`, which is
//!   on by default.
//! - **Failures.** Items with a transient failure (429, 500, 502, 503, 504, or no answer) are
//!   retried alone, with full jitter, if they are one item or at most a fifth of the batch.
//!   Otherwise all callers get their answers as they are, and the lane pauses. Items that the upstream
//!   did not carry out for a limit of its own, such as calls of [`JsonRpc`] that met a rate limit, are
//!   sent again together after a pause, whatever their method. After a time-out,
//!   requests that may be repeated are sent one by one, and callers of the others are told that the
//!   outcome is unknown. One [`RetryBudget`](scrimp_core::RetryBudget) limits all of this.
//! - **No mixed answers.** Ids are the layer's own and matched exactly. An answer whose id is unknown
//!   or comes twice is given to no caller. The caller's own id is restored byte for byte.
//! - **Fairness and bounds.** Tenants that share a lane are served by deficit round-robin. Each
//!   request in line holds an owned permit. A [`RateLimit`] counts items.
//! - **Money.** A [`Charge`](scrimp_core::extensions::Charge) of the upstream is split over the
//!   callers to the last pico-dollar, and a [`Ledger`](scrimp_core::Ledger) books the calls that
//!   were avoided. If the calls for an item are charged in two currencies, its answer also has
//!   [`OtherCharges`](scrimp_core::extensions::OtherCharges).
//!
//! # Failures of the layer
//!
//! They are responses in `application/problem+json` (RFC 9457). Their `type` is
//! `urn:scrimp:batch:` and a name:
//!
//! | name | status | reason |
//! |---|---|---|
//! | `request-body` | 400 | The request's body is longer than it said, breaks off or has trailers. |
//! | `no-runtime` | 500 | The request was polled outside of a tokio runtime, and was not sent. |
//! | `missing` | 502 | The answer to the batch has no answer to this request. |
//! | `unreadable` | 502 | The answer is above [`max_answer`](BatchLayerBuilder::max_answer), breaks off or has an unknown coding. |
//! | `lost` | 502 | The task of the call panicked, or its runtime was shut down. |
//! | `ambiguous` | 504 | The call timed out. The request may have been carried out, and must not be repeated. |
//! | `timed-out` | 504 | The call timed out, and the request is not sent again. |
//! | `deadline` | 504 | The deadline of the request's caller passed. |
//!
//! # When not to use it
//!
//! - The upstream has no batches: [`BatchLayer`] does not make one.
//! - The upstream charges each request of a batch like a call, and latency matters.
//! - Streams: a request that accepts an event stream, `multipart/mixed` or lines of JSON by name is
//!   always sent alone.
//!
//! # On axum
//!
//! A batch goes to a path of its own, so the layer goes around the whole application:
//! `Router::new().fallback_service(app).layer(batch)`. `Router::layer` on the application itself
//! goes around each route, behind the routing: a batch would reach the route of its items. Around
//! a handler for all paths, as in a gateway, let services
//! [share](BatchLayerBuilder::share_services).
//!
//! # In a stack
//!
//! The layer goes inside a cache and a layer that coalesces, because stored and shared answers need
//! no call, and outside a layer that routes, because a batch goes to one provider. A batch whose
//! items may all be repeated has [`Repeatable`](scrimp_core::extensions::Repeatable), so that it can
//! fail over. Bodies of requests are buffered up to
//! [`max_request`](BatchLayerBuilder::max_request).
//!
//! # Readiness, cancellation, errors
//!
//! The service is always ready; a request waits inside its own future. A request whose caller
//! leaves the line is not sent. A call in flight is cancelled when the last of its callers leaves,
//! and not before. The error type is that of the inner service, which must be shareable
//! ([`ShareError`](scrimp_core::ShareError)). A panic of the inner service affects only the callers
//! of its batch. Calls run in tasks, which need a tokio runtime: outside of one, a request
//! that would be batched is refused (`no-runtime`).

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod builder;
mod codec;
mod coding;
mod config;
mod engine;
mod future;
mod group;
mod http;
mod job_size;
mod layer;
#[cfg(feature = "metrics")]
mod metered;
mod money;
mod service;
mod settings;
mod stats;

pub use body::BatchBody;
pub use builder::BatchLayerBuilder;
pub use codec::{
    Admission, ArrayInput, BatchCodec, Decoded, GraphQl, Item, JsonRpc, RestJson, Verdict,
    same_head, without_framing,
};
pub use engine::BatchWindow;
pub use future::BatchFuture;
pub use group::{
    Answers, ByIndex, DistinctGroupLayer, Group, GroupError, GroupFuture, GroupLayer,
    GroupLayerBuilder, Memo, MemoFuture,
};
pub use job_size::job_size;
pub use layer::BatchLayer;
#[cfg(feature = "governor")]
pub use scrimp_core::Governed;
pub use scrimp_core::{RateLimit, SettingError};
pub use scrimp_http::credentials::Credentials;
pub use service::Batch;
pub use stats::{BatchStats, GroupStats};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
