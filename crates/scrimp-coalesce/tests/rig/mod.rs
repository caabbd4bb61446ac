//! Shared helpers of this crate's tests.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp_coalesce::{Coalesce, CoalesceBody, CoalesceLayer};
use scrimp_core::BoxError;
use scrimp_testkit::{PollCounter, Reply, Scripted, ScriptedBody, Upstream};
use tower::{Layer, ServiceExt};

pub type Service = Coalesce<Scripted>;
pub type Answer = Response<CoalesceBody<ScriptedBody>>;

/// A response, read to its end.
#[derive(Debug)]
pub struct Read {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

pub fn over(
    layer: &CoalesceLayer,
    answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
) -> (Service, Upstream) {
    let (inner, upstream) = Scripted::answering(answer);
    (layer.layer(inner), upstream)
}

pub fn get(path: &str) -> Request<Full<Bytes>> {
    with(path, &[])
}

pub fn with(path: &str, fields: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = Request::get(format!("http://api.example.com{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}

pub fn post(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://api.example.com{path}"));
    request.body(body.into()).unwrap()
}

pub fn answer(fields: &[(&str, &str)], body: ScriptedBody) -> Response<ScriptedBody> {
    let mut response = Response::builder();
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(body).unwrap()
}

pub async fn read(response: Answer) -> Result<Read, BoxError> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await?;
    Ok(Read {
        status: parts.status,
        headers: parts.headers,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    })
}

pub async fn fetch(service: Service, request: Request<Full<Bytes>>) -> Result<Read, BoxError> {
    read(service.oneshot(request).await?).await
}

/// Returns a call that is polled by hand, and polls it once.
pub fn begun<F: Future>(future: F) -> PollCounter<F> {
    let mut call = PollCounter::new(future);
    assert!(call.poll_now().is_pending(), "a response too early");
    call
}

/// Returns the output of a call that does not wait.
pub fn at_once<F: Future>(future: F) -> F::Output {
    match PollCounter::new(future).poll_now() {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Begins `count` equal calls.
pub fn crowd(
    service: &Service,
    path: &str,
    count: usize,
) -> Vec<PollCounter<impl Future<Output = Result<Read, BoxError>> + use<>>> {
    let call = |_| begun(fetch(service.clone(), get(path)));
    (0..count).map(call).collect()
}

/// Runs every task until it waits: the paused clock moves once all of them wait.
pub async fn settled() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}
