//! The cache on hyper-util's client.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, http::HeaderMap, routing::get};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::cache::Mode;
use scrimp_tests::{Answer, Server, builder, layer, request};
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn calls_with_a_stored_response_are_not_made() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let rate = move |headers: HeaderMap| {
        count.fetch_add(1, Ordering::Relaxed);
        let known = headers.get("if-none-match").is_some();
        async move {
            let status = if known { 304 } else { 200 };
            let status = http::StatusCode::from_u16(status).expect("a status code");
            (
                status,
                [("cache-control", "max-age=60"), ("etag", "\"1\"")],
                "1.07",
            )
        }
    };
    let server = Server::start(Router::new().route("/rate", get(rate))).await;
    let layer = builder(&[]).mode(Mode::Private).build().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = layer.layer(client);
    let ask = async |fields| {
        let request = request("GET", &server.url("/rate"), fields);
        let response = client.clone().oneshot(request).await.expect("an answer");
        Answer::read(response).await.expect("a body")
    };
    for _ in 0..10 {
        assert_eq!(ask(&[]).await.text(), "1.07");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let fresh = ask(&[("cache-control", "no-cache")]).await;
    assert_eq!((fresh.status.as_u16(), fresh.text()), (200, "1.07"));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!((layer.stats().hits, layer.stats().revalidated), (9, 1));
}

#[tokio::test]
async fn a_hit_needs_no_connection() {
    let fields = [("cache-control", "max-age=60")];
    let app = Router::new().route("/", get(move || async move { (fields, "page") }));
    let server = Server::start(app).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = layer(&[]).layer(client);
    let url = server.url("/");
    for server in [Some(server), None] {
        let response = client.clone().oneshot(request("GET", &url, &[])).await;
        let answer = Answer::read(response.expect("an answer")).await;
        assert_eq!(answer.expect("a body").text(), "page");
        drop(server);
    }
}
