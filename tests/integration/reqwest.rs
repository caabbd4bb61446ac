//! The cache on reqwest's client.

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use scrimp::{cache::CacheBody, core::BoxError};
use scrimp_tests::{Answer, Fields, Server, layer, request};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Adapts reqwest's client: converts its types to those of `http` and back.
fn outbound() -> impl Service<
    Request<Full<Bytes>>,
    Response = Response<reqwest::Body>,
    Error = BoxError,
    Future = impl Send,
> + Clone
+ Send
+ 'static {
    let client = reqwest::Client::new();
    service_fn(move |request: Request<Full<Bytes>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            let response = client.oneshot(request).await?;
            Ok(Response::<reqwest::Body>::from(response))
        }
    })
}

async fn ask<S>(client: &S, url: &str, fields: Fields<'_>) -> Answer
where
    S: Service<
            Request<Full<Bytes>>,
            Response = Response<CacheBody<reqwest::Body>>,
            Error = BoxError,
        > + Clone,
{
    let request = request("GET", url, fields);
    let response = client.clone().oneshot(request).await.expect("an answer");
    Answer::read(response).await.expect("a body")
}

#[tokio::test]
async fn calls_are_answered_from_store_byte_for_byte() {
    let fields = [("cache-control", "max-age=60"), ("x-own", "kept")];
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let body = bytes.clone();
    let app = Router::new().route("/", get(move || async move { (fields, body) }));
    let server = Server::start(app).await;
    let layer = layer(&[]);
    let client = layer.layer(outbound());
    for hit in [false, true] {
        let answer = ask(&client, &server.url("/"), &[]).await;
        assert_eq!(answer.is_hit(), hit);
        assert_eq!(answer.body, bytes);
        assert_eq!(answer.header("x-own"), "kept");
    }
    let range = ask(&client, &server.url("/"), &[("range", "bytes=0-3")]).await;
    assert_eq!((range.status.as_u16(), &range.body[..]), (206, &bytes[..4]));
}

#[tokio::test]
async fn its_errors_reach_the_caller() {
    let server = Server::raw(|stream| async move { drop(stream) }).await;
    let layer = layer(&[]);
    let client = layer.layer(outbound());
    let failed = client.oneshot(request("GET", &server.url("/"), &[])).await;
    let error = failed.expect_err("no server answered");
    assert!(error.downcast_ref::<reqwest::Error>().is_some(), "{error}");
}
