//! Presence of a request body, with equal results over HTTP/1.1 and HTTP/2, and under layers that
//! hide the end and the length of bodies.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::Request, routing::any};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use scrimp::{
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    stampede::StampedeLayer,
};
use scrimp_tests::Server;
use tokio::sync::Notify;
use tower_http::{decompression::RequestDecompressionLayer, timeout::RequestBodyTimeoutLayer};

type Sent = BoxBody<Bytes, Infallible>;

fn cache() -> CacheLayer {
    CacheLayer::new(MemoryStore::new(1 << 20))
}

fn app(cache: &CacheLayer) -> Router {
    let answer = |request: Request<Body>| async move {
        let body = request
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        ([("cache-control", "max-age=60")], body)
    };
    Router::new().route("/", any(answer)).layer(cache.clone())
}

/// Returns the framing for hyper, which sends a GET body of unknown length over HTTP/1.1 only with
/// it.
fn framing(version: Version) -> Option<(&'static str, &'static str)> {
    (version == Version::HTTP_11).then_some(("transfer-encoding", "chunked"))
}

async fn send(
    client: &Client<hyper_util::client::legacy::connect::HttpConnector, Sent>,
    url: &str,
    framing: Option<(&'static str, &'static str)>,
    body: Sent,
) -> Bytes {
    let mut request = Request::get(url).body(body).expect("a request");
    if let Some((name, value)) = framing {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let response = client.request(request).await.expect("an answer");
    response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes()
}

fn client(version: Version) -> Client<hyper_util::client::legacy::connect::HttpConnector, Sent> {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.timer(TokioTimer::new());
    builder.http2_only(version == Version::HTTP_2).build_http()
}

/// Returns a body whose frames and length are not known beforehand.
fn frames(texts: &'static [&'static str]) -> Sent {
    let frames = texts
        .iter()
        .map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes()))));
    StreamBody::new(stream::iter(frames)).boxed()
}

#[tokio::test]
async fn an_empty_stream_is_not_a_body_and_any_other_stream_arrives_whole() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for nothing in [&[][..], &[""], &["", ""]] {
            let cache = cache();
            let server = Server::start(app(&cache)).await;
            let (client, url) = (client(version), server.url("/"));
            let plain = send(&client, &url, None, Full::default().boxed()).await;
            let empty = send(&client, &url, framing(version), frames(nothing)).await;
            assert_eq!((&*plain, &*empty), (&b""[..], &b""[..]));
            assert_eq!(cache.stats().hits, 1, "{version:?} {nothing:?}");
            let whole = send(&client, &url, framing(version), frames(&["", "a", "b"])).await;
            assert_eq!(
                (&*whole, cache.stats().hits),
                (&b"ab"[..], 1),
                "{version:?}"
            );
        }
    }
}

/// Sends two requests, the second while the first waits for its response.
async fn shares(layered: impl Fn(Router) -> Router, version: Version) -> bool {
    let calls = Arc::<AtomicUsize>::default();
    let (arrived, go) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let answer = {
        let (calls, arrived, go) = (Arc::clone(&calls), Arc::clone(&arrived), Arc::clone(&go));
        move || async move {
            calls.fetch_add(1, Ordering::Relaxed);
            arrived.notify_one();
            go.notified().await;
            [("cache-control", "max-age=60")]
        }
    };
    let server = Server::start(layered(Router::new().route("/", any(answer)))).await;
    let (client, url) = (client(version), server.url("/"));
    let first = send(&client, &url, framing(version), frames(&[""]));
    let second = async {
        arrived.notified().await;
        let second = send(&client, &url, framing(version), frames(&[]));
        let both_wait = async {
            // The second either joins the first or arrives at the server.
            let _ = tokio::time::timeout(Duration::from_secs(1), arrived.notified()).await;
            go.notify_one();
            go.notify_one();
            go.notify_waiters();
        };
        tokio::join!(second, both_wait).0
    };
    tokio::join!(first, second);
    calls.load(Ordering::Relaxed) == 1
}

#[tokio::test]
async fn layers_that_share_calls_read_the_first_frame_too() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let coalesce = CoalesceLayer::new();
        assert!(
            shares(|app| app.layer(coalesce.clone()), version).await,
            "{version:?}"
        );
        // A cold key is filled once, by stampede protection around the cache.
        let (cache, stampede) = (cache(), StampedeLayer::new());
        let around = |app: Router| app.layer(cache.clone()).layer(stampede.clone());
        assert!(shares(around, version).await, "{version:?}");
    }
}

#[tokio::test]
async fn layers_that_hide_the_end_of_a_body_do_not_hide_its_absence() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for wrapping in [0, 1, 2] {
            let cache = cache();
            let app = match wrapping {
                0 => app(&cache).layer(RequestDecompressionLayer::new()),
                1 => app(&cache).layer(RequestBodyTimeoutLayer::new(Duration::from_secs(60))),
                _ => app(&cache)
                    .layer(RequestDecompressionLayer::new())
                    .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(60))),
            };
            let server = Server::start(app).await;
            let (client, url) = (client(version), server.url("/"));
            for _ in 0..2 {
                send(&client, &url, None, Full::default().boxed()).await;
            }
            assert_eq!(cache.stats().hits, 1, "{version:?} {wrapping}");
            let body = send(&client, &url, None, Full::new(Bytes::from("x")).boxed()).await;
            assert_eq!(
                (&*body, cache.stats().hits),
                (&b"x"[..], 1),
                "{version:?} {wrapping}"
            );
        }
    }
}
