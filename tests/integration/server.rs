//! The cache on an axum server, over a socket.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp_testkit::Gate;
use scrimp_tests::{Answer, Server, layer, request};
use tower::{Layer, Service};

async fn fetch(server: &Server, path: &str) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request("GET", &server.url(path), &[])).await;
    Answer::read(response.expect("a response"))
        .await
        .expect("a body")
}

#[tokio::test]
async fn routes_of_one_layer_share_one_store() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let item = move |Path(id): Path<String>| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { ([("cache-control", "max-age=60")], id) }
    };
    let layer = layer(&[]);
    let app = Router::new()
        .route("/books/{id}", get(item.clone()))
        .route("/films/{id}", get(item.clone()))
        .route("/games/{id}", get(item))
        .layer(layer.clone());
    let server = Server::start(app).await;
    for hit in [false, true, true] {
        for path in ["/books/1", "/films/1", "/games/2"] {
            let answer = fetch(&server, path).await;
            assert_eq!(answer.is_hit(), hit);
            assert_eq!(answer.text(), &path[7..]);
            assert_eq!(answer.header("content-length"), "1");
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!(layer.stats().store.entries, 3);
}

#[tokio::test]
async fn one_route_invalidates_responses_stored_by_another() {
    let layer = layer(&[]);
    let page = || async { ([("cache-control", "max-age=60")], "page") };
    let app = Router::new()
        .route("/page", get(page).post(|| async { "done" }))
        .layer(layer.clone());
    let server = Server::start(app).await;
    fetch(&server, "/page").await;
    assert!(fetch(&server, "/page").await.is_hit());
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let post = request("POST", &server.url("/page"), &[]);
    client.request(post).await.expect("a response");
    assert!(!fetch(&server, "/page").await.is_hit());
}

#[tokio::test]
async fn the_first_byte_reaches_the_client_before_the_upstream_ends() {
    let gate = Gate::new();
    let held = gate.clone();
    let app = Router::new().route(
        "/",
        get(move || async move {
            let last = stream::once(async move {
                held.opened().await;
                Ok::<_, Infallible>("last")
            });
            let first = stream::iter([Ok("first ")]);
            let body = Body::from_stream(first.chain(last));
            ([("cache-control", "max-age=60")], body)
        }),
    );
    let layer = layer(&[]);
    let server = Server::start(app.layer(layer.clone())).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request("GET", &server.url("/"), &[])).await;
    let mut body = response.expect("a response").into_body();
    let first = body.frame().await.expect("a frame").expect("data");
    assert_eq!(first.into_data().expect("data"), "first ");
    assert_eq!(gate.waiting(), 1, "the upstream is not finished");
    gate.open();
    let rest = body.collect().await.expect("the rest").to_bytes();
    assert_eq!(rest, "last");
    let hit = fetch(&server, "/").await;
    assert!(hit.is_hit());
    assert_eq!(hit.text(), "first last");
}

#[test]
fn an_infallible_service_stays_infallible() {
    fn is_infallible<S: Service<Request, Error = Infallible>>(_: &S) {}
    is_infallible(&layer(&[]).layer(Router::new()));
}

#[tokio::test]
async fn the_whole_path_counts_around_nested_routers() {
    let version = |text: &'static str| {
        let page = async move || ([("cache-control", "max-age=60")], text);
        Router::new().route("/items", get(page))
    };
    let app = Router::new()
        .nest("/v1", version("one"))
        .nest("/v2", version("two"))
        .layer(layer(&[]));
    let server = Server::start(app).await;
    for (path, text) in [("/v1/items", "one"), ("/v2/items", "two")] {
        for hit in [false, true] {
            let seen = fetch(&server, path).await;
            assert_eq!((seen.text(), seen.is_hit()), (text, hit));
        }
    }
}

#[tokio::test]
async fn a_stream_of_announced_length_is_stored_once_its_length_is_reached() {
    // The server stops reading there, and never checks for more.
    let page = async || {
        let frames = stream::iter(["wh", "ole"].map(Ok::<_, Infallible>));
        let fields = [("cache-control", "max-age=60"), ("content-length", "5")];
        (fields, Body::from_stream(frames))
    };
    let app = Router::new().route("/", get(page)).layer(layer(&[]));
    let server = Server::start(app).await;
    for hit in [false, true] {
        let seen = fetch(&server, "/").await;
        assert_eq!((seen.text(), seen.is_hit()), ("whole", hit));
    }
}
