//! Requests through a codec, without retries.

use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use scrimp_batch::{BatchCodec, BatchLayer};
use serde_json::Value;
use tower::Layer;

use super::{Body, Upstream, send};

/// Returns an upstream that gives one answer to every request.
pub(crate) fn fixed(status: u16, body: &Value) -> Upstream {
    let body = body.to_string();
    Upstream::new(move |_| {
        let mut response = Response::new(Full::from(body.clone()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        std::future::ready(Ok(response))
    })
}

/// Sends requests at the same moment, and returns their responses in order.
pub(crate) async fn all<C: BatchCodec>(
    codec: C,
    upstream: &Upstream,
    requests: impl IntoIterator<Item = Request<Body>>,
) -> Vec<Response<String>> {
    let service = BatchLayer::builder(codec)
        .retries(0)
        .build()
        .unwrap()
        .layer(upstream.clone());
    let calls = requests
        .into_iter()
        .map(|request| send(service.clone(), request));
    join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}
