//! Many small calls become one paid call, as a tower layer.
//!
//! Where an API takes several requests at once, and is paid, limited or slow by the call,
//! [`BatchLayer`] puts together what comes at about the same time: REST in a JSON envelope
//! ([`RestJson`]: Microsoft Graph, OData, and plainer ones), JSON-RPC 2.0 ([`JsonRpc`]), GraphQL
//! in an array ([`GraphQl`]), calls that take arrays of inputs ([`ArrayInput`]), or a protocol of
//! yours ([`BatchCodec`]). Callers notice nothing: each sends its own request and gets its own
//! response. Inside a nested router of axum (`nest`), switch on the feature `axum` or set
//! [`BatchLayer::target_uri`]: without either, `/v1/items` and `/v2/items` both count as
//! `/items`, and where one service or services that [share](BatchLayerBuilder::share_services) get
//! both, one of them is answered for the other.
//!
//! # On a client
//!
//! Here the upstream is a closure that would cost a cent a call.
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
//! # Anything else
//!
//! [`GroupLayer`] does the same for any tower service that takes many requests at once: rows
//! by id, messages to a queue.
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
//! let (ada, nobody) = tokio::join!(users.clone().oneshot(7), users.oneshot(8)); // one query
//! assert_eq!((ada?, nobody?), (Some("Ada"), None));
//! # Ok(()) }
//! ```
//!
//! # What it does
//!
//! - **Lanes.** Requests share a batch only if scheme, authority, tenant and
//!   [credentials](BatchLayerBuilder::credentials) are the same, and whatever else the codec asks for.
//!   Fields that only trace a call, and those of its framing, set none apart. A lane collects
//!   while its calls are under way.
//! - **Windows.** How long to wait for company is a [`BatchWindow`]: a fixed time, as long as waiting
//!   is cheaper than calling (the default once [`price`](BatchLayerBuilder::price) and
//!   [`price_of_waiting`](BatchLayerBuilder::price_of_waiting) are set), or only while something is in
//!   flight. Batches end at limits of items, bytes and weight too.
//! - **One is none.** A request without company goes as it was, and its response streams.
//!   Equal requests without effects are sent once.
//! - **Sizes are learned.** A batch that is refused, by 413 or in the protocol's own way, is
//!   halved until it passes; the upstream's limit is remembered for ten minutes and tried again
//!   one by one. An item that spoils its batches is found and sent alone.
//! - **Failures stay with those they concern.** Items that fail for the moment (429, 500, 502,
//!   503, 504, or left out) are tried again alone, with full jitter, if they are one or a fifth of
//!   the batch at most; else everybody gets what there is and the lane pauses. A batch that takes
//!   too long is sent one by one where that cannot do a thing twice; other callers are told
//!   that the outcome is unknown. One [`RetryBudget`](scrimp_core::RetryBudget) bounds it all.
//! - **Nobody gets another's answer.** Ids are the layer's own and matched exactly; an answer
//!   that comes twice, or from nowhere, is nobody's. The caller's own id is put back byte for
//!   byte.
//! - **Fair and bounded.** Deficit round-robin between tenants that share a lane, an owned
//!   permit for everybody in line, a [`RateLimit`] that counts items.
//! - **Money.** A [`Charge`](scrimp_core::extensions::Charge) of the upstream's is split over
//!   the callers to the last pico-dollar; a [`Ledger`](scrimp_core::Ledger) books what was
//!   spared. If the calls for an item cost two currencies, its answer has
//!   [`OtherCharges`](scrimp_core::extensions::OtherCharges) besides.
//!
//! Failures of the layer itself are responses in `application/problem+json` (RFC 9457), whose
//! `type` is `urn:scrimp:batch:` and one of `missing`, `unreadable`, `lost` (502), `ambiguous`,
//! `timed-out`, `deadline` (504), `request-body` (400).
//!
//! # When not to use it
//!
//! Where the upstream has no batches: [`BatchLayer`] does not make one. Where each call of a
//! batch is paid for as if it were alone and latency matters. For streams: a request that
//! accepts an event stream goes alone.
//!
//! # On axum
//!
//! A batch goes to a path of its own, so the layer goes around all of an application:
//! `Router::new().fallback_service(app).layer(batch)`. `Router::layer` on the application itself
//! goes around each route, behind the routing: a batch would end up at the route that its items
//! came by. Around a handler that takes everything, as in a gateway, let services
//! [share](BatchLayerBuilder::share_services).
//!
//! # In a stack
//!
//! Inside a cache and a layer that coalesces, outside of one that routes: what is known needs
//! no call, and a batch goes to one provider. One whose items may all be repeated says so
//! ([`Repeatable`](scrimp_core::extensions::Repeatable)), so that it can be failed over. Bodies of requests are buffered up to
//! [`max_request`](BatchLayerBuilder::max_request).
//!
//! # Waiting, cancellation, failure
//!
//! The service is always ready; a request waits inside its own future. Whoever leaves the line
//! is not sent. A call is cancelled when the last of its callers has left, and not before. The
//! error type is the inner service's, which has to be one that can be told to many
//! ([`ShareError`](scrimp_core::ShareError)). A panic of the inner service is told to the callers
//! of that batch and to nobody else. Calls are made by tasks, which need a tokio runtime.

mod body;
mod builder;
mod codec;
mod common;
mod config;
mod engine;
mod future;
mod group;
mod http;
mod job_size;
mod layer;
mod limiter;
mod service;
mod stats;

pub use body::BatchBody;
pub use builder::BatchLayerBuilder;
pub use codec::{
    Admission, ArrayInput, BatchCodec, Decoded, GraphQl, Item, JsonRpc, RestJson, Verdict,
    same_head, without_framing,
};
pub use engine::BatchWindow;
pub use future::ResponseFuture;
pub use group::{Answers, ByIndex, Group, GroupError, GroupFuture, GroupLayer, GroupLayerBuilder};
pub use job_size::job_size;
pub use layer::BatchLayer;
#[cfg(feature = "governor")]
pub use limiter::Governed;
pub use limiter::RateLimit;
pub use scrimp_core::SettingError;
pub use scrimp_http::credentials::Credentials;
pub use service::Batch;
pub use stats::BatchStats;
