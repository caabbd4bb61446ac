//! The layer for shared calls, on axum, hyper-util's client and reqwest's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use scrimp::{
    coalesce::CoalesceLayer,
    core::{BoxError, box_error},
};
use scrimp_testkit::Gate;
use scrimp_tests::{Server, request};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Returns a handler that waits at a gate, and counts its calls.
fn counted(gate: &Gate) -> (Router, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let (count, gate) = (Arc::clone(&calls), gate.clone());
    let handler = move || {
        let number = count.fetch_add(1, Relaxed);
        let gate = gate.clone();
        async move {
            gate.opened().await;
            format!("answer {number} {}", "x".repeat(100_000))
        }
    };
    (Router::new().route("/feed", get(handler)), calls)
}

/// Starts ten requests, and opens the gate when all of them are in flight.
async fn ten<S, B>(client: &S, url: &str, gate: &Gate, joined: impl Fn() -> bool)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug + Send,
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: std::fmt::Debug,
{
    let ask = |_| {
        let call = client.clone().oneshot(request("GET", url, &[]));
        async move {
            let response = call.await.expect("an answer");
            response
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes()
        }
    };
    let opening = async {
        while !joined() {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let (answers, ()) = tokio::join!(join_all((0..10).map(ask)), opening);
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert!(answers[0].starts_with(b"answer 0 x"));
}

#[tokio::test]
async fn on_axum_requests_over_sockets_share_a_handlers_call() {
    let gate = Gate::new();
    let (app, calls) = counted(&gate);
    let layer = CoalesceLayer::new();
    let server = Server::start(app.layer(layer.clone())).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    // All ten have arrived once the one in flight has nine waiters. They are counted when they get
    // their responses, so the gate opens after the time that this takes on loopback.
    let arrived = tokio::time::Instant::now() + Duration::from_millis(200);
    let joined = || tokio::time::Instant::now() > arrived && layer.stats().in_flight == 1;
    ten(&client, &server.url("/feed"), &gate, joined).await;
    assert_eq!(calls.load(Relaxed), 1);
    assert_eq!((layer.stats().calls, layer.stats().joined), (1, 9));
}

#[tokio::test]
async fn on_hyper_utils_client_requests_share_a_call() {
    let gate = Gate::new();
    let (app, calls) = counted(&gate);
    let server = Server::start(app).await;
    let layer = CoalesceLayer::new();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = layer.layer(client.map_err(box_error));
    ten(&client, &server.url("/feed"), &gate, || {
        calls.load(Relaxed) == 1
    })
    .await;
    assert_eq!((calls.load(Relaxed), layer.stats().joined), (1, 9));
}

#[tokio::test]
async fn on_reqwests_client_requests_share_a_call() {
    let gate = Gate::new();
    let (app, calls) = counted(&gate);
    let server = Server::start(app).await;
    let layer = CoalesceLayer::new();
    let client = reqwest::Client::new();
    let client = layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            let response = client.oneshot(request).await?;
            Ok::<_, BoxError>(Response::<reqwest::Body>::from(response))
        }
    }));
    ten(&client, &server.url("/feed"), &gate, || {
        calls.load(Relaxed) == 1
    })
    .await;
    assert_eq!((calls.load(Relaxed), layer.stats().joined), (1, 9));
}

#[tokio::test]
async fn the_error_of_an_unreachable_upstream_reaches_all_callers_with_its_cause() {
    let layer = CoalesceLayer::new();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = layer.layer(client.map_err(box_error));
    // No server listens on this reserved port.
    let ask = || {
        client
            .clone()
            .oneshot(request("GET", "http://127.0.0.1:1/", &[]))
    };
    for error in join_all((0..10).map(|_| ask())).await {
        let error = error.expect_err("no connection");
        let mut causes = std::iter::successors(error.source(), |cause| cause.source());
        assert!(
            causes.any(<dyn std::error::Error>::is::<std::io::Error>),
            "{error:?}"
        );
    }
    assert_eq!(layer.stats().errors_shared, 9);
}
