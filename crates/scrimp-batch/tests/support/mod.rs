//! An upstream made of a closure, and requests to it.

#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod codec;
pub(crate) mod double;
pub(crate) mod node;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_batch::{BatchCodec, BatchLayer, BatchLayerBuilder, RestJson};
use scrimp_core::BoxError;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt};

pub(crate) type Body = Full<Bytes>;
type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

/// Answers with the result of a function, and records the requests.
#[derive(Clone)]
pub(crate) struct Upstream {
    answer: Arc<dyn Fn(Request<Bytes>) -> Answer + Send + Sync>,
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Upstream {
    pub(crate) fn new<F>(answer: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Response<Body>, BoxError>> + Send + 'static,
    {
        Self {
            answer: Arc::new(move |request| Box::pin(answer(request))),
            seen: Arc::default(),
        }
    }

    /// Returns a REST service whose batches go to `/batch`. The function answers a URL, and gets the
    /// number of calls before.
    pub(crate) fn rest(
        one: impl Fn(&str, usize) -> Response<Value> + Send + Sync + 'static,
    ) -> Self {
        let calls = Mutex::new(0);
        Self::new(move |request| {
            let call = {
                let mut calls = calls.lock();
                *calls += 1;
                *calls - 1
            };
            let response = if request.uri().path() == "/batch" {
                envelope(&request, |url| one(url, call))
            } else {
                let url = request.uri().path_and_query().unwrap().as_str();
                one(url, call).map(|body| body.to_string())
            };
            std::future::ready(Ok(response.map(|body| Full::new(body.into()))))
        })
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().len()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen
            .lock()
            .iter()
            .map(|request| request.uri().path().into())
            .collect()
    }

    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.seen.lock().clone()
    }

    /// Returns the JSON of the nth call.
    pub(crate) fn json(&self, n: usize) -> Value {
        serde_json::from_slice(self.seen.lock()[n].body()).unwrap()
    }
}

/// Answers the items of a batch.
pub(crate) fn envelope(
    request: &Request<Bytes>,
    one: impl Fn(&str) -> Response<Value>,
) -> Response<String> {
    let asked: Value = serde_json::from_slice(request.body()).unwrap();
    let answers = asked["requests"].as_array().unwrap().iter().map(|item| {
        let response = one(item["url"].as_str().unwrap());
        let headers: serde_json::Map<_, _> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
            .collect();
        json!({"id": item["id"], "status": response.status().as_u16(), "headers": headers, "body": response.body()})
    });
    Response::new(json!({"responses": answers.collect::<Vec<_>>()}).to_string())
}

pub(crate) fn status(status: u16, body: Value) -> Response<Value> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

impl Service<Request<Body>> for Upstream {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let this = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let request = Request::from_parts(head, body);
            this.seen.lock().push(request.clone());
            (this.answer)(request).await
        })
    }
}

/// Sends a request, and reads the response.
pub(crate) async fn send<S, B>(
    service: S,
    request: Request<Body>,
) -> Result<Response<String>, BoxError>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (head, body) = service.oneshot(request).await?.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Ok(Response::from_parts(
        head,
        String::from_utf8_lossy(&body).into_owned(),
    ))
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(format!("http://api.example.com{path}"))
        .body(Body::default())
        .unwrap()
}

pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::post(format!("http://api.example.com{path}"))
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) const MS: Duration = Duration::from_millis(1);

/// Builds a layer for [`Upstream::rest`], with every method.
pub(crate) fn layer() -> BatchLayerBuilder<RestJson> {
    BatchLayer::builder(RestJson::new("/batch").any_method())
}

/// Returns an upstream that answers with the URL it was asked for.
pub(crate) fn echo() -> Upstream {
    Upstream::rest(|url, _| status(200, json!({"you asked": url})))
}

/// Sends requests at the same moment, and returns their responses in order.
pub(crate) async fn all<C: BatchCodec>(
    layer: &BatchLayer<C>,
    upstream: &Upstream,
    requests: impl IntoIterator<Item = Request<Body>>,
) -> Vec<Response<String>> {
    let service = layer.layer(upstream.clone());
    let calls = requests
        .into_iter()
        .map(|request| send(service.clone(), request));
    join_all(calls)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// Returns the name of a problem document of the layer.
pub(crate) fn reason(response: &Response<String>) -> String {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body: Value = serde_json::from_str(response.body()).unwrap();
    assert_eq!(body["status"], response.status().as_u16());
    body["type"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .into()
}
