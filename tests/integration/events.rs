//! Event streams of axum through each layer, over a socket.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    response::{
        IntoResponse,
        sse::{Event, Sse},
    },
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    stampede::StampedeLayer,
};
use scrimp_testkit::Gate;
use scrimp_tests::{Server, request};
use tokio::time::timeout;

/// Rule under which a cache would keep what axum's `Sse` sends, as it says `no-cache`.
const KEEPS: &str = "path=/** events=keep ttl=1m override-origin";

/// Long enough for a busy machine, and much shorter than a wait at a gate.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn open(server: &Server) -> Response<Incoming> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let head = client.request(request("GET", &server.url("/events"), &[]));
    let head = timeout(AT_ONCE, head).await.expect("a head at once");
    head.expect("a response")
}

async fn next(response: &mut Response<Incoming>) -> Bytes {
    let frame = timeout(AT_ONCE, response.body_mut().frame()).await;
    let frame = frame.expect("an event at once").expect("a frame");
    frame.expect("no error").into_data().expect("data")
}

/// Returns an application with a stream that never ends, and the number of its subscribers.
fn endless() -> (Router, Arc<AtomicUsize>) {
    let subscribers = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&subscribers);
    let events = move || {
        let subscriber = count.fetch_add(1, Relaxed) + 1;
        let event = Event::default().data(subscriber.to_string());
        let first = stream::iter([Ok::<_, Infallible>(event)]);
        async move { Sse::new(first.chain(stream::pending())) }
    };
    (Router::new().route("/events", get(events)), subscribers)
}

/// Checks that each client has the head and the first event of a stream of its own at once.
async fn each_has_its_own(app: Router, subscribers: &AtomicUsize) {
    let server = Server::start(app).await;
    let mut open_streams = Vec::new();
    for n in 1..=3 {
        let mut response = open(&server).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(next(&mut response).await, format!("data: {n}\n\n"));
        open_streams.push(response);
    }
    assert_eq!(subscribers.load(Relaxed), 3);
}

fn cache(rule: &str) -> CacheLayer {
    let cache = CacheLayer::for_origin(MemoryStore::new(1 << 20)).rule(rule);
    cache.build().expect("valid settings")
}

fn stampede() -> StampedeLayer {
    StampedeLayer::builder().build().expect("valid settings")
}

#[tokio::test]
async fn the_second_client_of_a_stream_has_its_head_at_once_under_each_layer() {
    let (app, subscribers) = endless();
    each_has_its_own(app.layer(cache(KEEPS)), &subscribers).await;
    let (app, subscribers) = endless();
    each_has_its_own(app.layer(CoalesceLayer::new()), &subscribers).await;
    for rule in ["path=/** ttl=1m override-origin", KEEPS] {
        let (app, subscribers) = endless();
        let app = app.layer(cache(rule)).layer(stampede());
        each_has_its_own(app, &subscribers).await;
        let (app, subscribers) = endless();
        let app = app.layer(CoalesceLayer::new()).layer(cache(rule));
        each_has_its_own(app.layer(stampede()), &subscribers).await;
    }
}

#[tokio::test]
async fn a_stream_without_events_yet_holds_no_client_up() {
    let gate = Gate::new();
    let wait = gate.clone();
    let lines = move || {
        let opened = wait.opened();
        let lines = stream::once(async move {
            opened.await;
            Ok::<_, Infallible>("{}\n")
        });
        let kind = [
            ("content-type", "application/x-ndjson"),
            ("cache-control", "max-age=60"),
        ];
        async move { (kind, Body::from_stream(lines)).into_response() }
    };
    let app = Router::new().route("/events", get(lines));
    let app = app.layer(cache("path=/** events=keep")).layer(stampede());
    let server = Server::start(app.clone()).await;
    let mut streams = [open(&server).await, open(&server).await];
    gate.open();
    for response in &mut streams {
        assert_eq!(next(response).await, "{}\n");
    }
}

#[tokio::test]
async fn a_finite_stream_that_a_rule_keeps_is_sent_again_as_a_stream() {
    let (calls, cache) = (Arc::new(AtomicUsize::new(0)), cache(KEEPS));
    let count = Arc::clone(&calls);
    let events = move || {
        count.fetch_add(1, Relaxed);
        let events = ["one", "two", "[DONE]"].map(|text| Event::default().data(text));
        async move { Sse::new(stream::iter(events.map(Ok::<_, Infallible>))) }
    };
    let app = Router::new().route("/events", get(events));
    let server = Server::start(app.layer(cache.clone()).layer(stampede())).await;
    for hits in 0..3 {
        let response = open(&server).await;
        assert!(!response.headers().contains_key("content-length"));
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body = response.into_body().collect().await.expect("a body");
        assert_eq!(
            body.to_bytes(),
            "data: one\n\ndata: two\n\ndata: [DONE]\n\n"
        );
        assert_eq!((cache.stats().hits, calls.load(Relaxed)), (hits, 1));
    }
}
