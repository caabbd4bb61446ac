//! Layers over an upstream with one call at a time.

use std::time::Duration;

use futures_util::future::join_all;
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use scrimp_tests::{Answer, layer, request};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimitLayer};

use http::{HeaderValue, Response};

const CROWD: usize = 10_000;

fn page(name: &str) -> Reply {
    let body = ScriptedBody::new().data(name.to_owned());
    let mut response = Response::new(body);
    let minute = HeaderValue::from_static("max-age=60");
    response.headers_mut().insert("cache-control", minute);
    Reply::respond(response).delay(Duration::from_millis(1))
}

/// Starts a crowd. `path` gives the path of each request by its number.
async fn crowd(path: fn(usize) -> String, warm: &[&str]) -> (usize, usize) {
    let (scripted, upstream) = Scripted::answering(|parts| page(parts.uri.path()));
    let layer = layer(&[]);
    let cache = layer.layer(ConcurrencyLimitLayer::new(1).layer(scripted));
    let ask = |uri: String| {
        let cache = cache.clone();
        async move {
            let response = cache.oneshot(request("GET", &uri, &[])).await;
            let answer = Answer::read(response.expect("an answer")).await;
            assert_eq!(answer.expect("a body").text(), uri);
        }
    };
    for uri in warm {
        ask((*uri).to_owned()).await;
    }
    let tasks = (0..CROWD).map(|n| tokio::spawn(ask(path(n))));
    let done = tokio::time::timeout(Duration::from_secs(60), join_all(tasks)).await;
    for task in done.expect("no deadlock") {
        task.expect("no panic");
    }
    let stats = layer.stats();
    assert_eq!(stats.store.fill_bytes, 0);
    assert_eq!((upstream.in_flight(), upstream.faults().len()), (0, 0));
    let hits = usize::try_from(stats.hits).expect("a count");
    assert_eq!(hits + upstream.calls(), CROWD + warm.len());
    (hits, upstream.calls())
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_hits_do_not_wait() {
    assert_eq!(crowd(|_| "/".to_owned(), &["/"]).await, (CROWD, 1));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_misses_pass_one_by_one() {
    let (hits, calls) = crowd(|n| format!("/{n}"), &[]).await;
    assert_eq!((hits, calls), (0, CROWD));
}

#[tokio::test(start_paused = true)]
async fn mixed_hits_and_misses_do_not_delay_each_other() {
    let path = |n: usize| format!("/{}", if n.is_multiple_of(2) { 0 } else { n });
    let (hits, calls) = crowd(path, &["/0"]).await;
    assert_eq!((hits, calls), (CROWD / 2, CROWD / 2 + 1));
}

#[tokio::test(start_paused = true)]
async fn a_hit_is_served_while_the_only_permit_is_taken() {
    let gate = scrimp_testkit::Gate::new();
    let held = gate.clone();
    let (scripted, _) = Scripted::answering(move |parts| match parts.uri.path() {
        "/slow" => page("slow").gate(&held),
        path => page(path),
    });
    let cache = layer(&[]).layer(ConcurrencyLimitLayer::new(1).layer(scripted));
    let ask = |uri: &'static str| cache.clone().oneshot(request("GET", uri, &[]));
    Answer::read(ask("/hit").await.expect("an answer"))
        .await
        .expect("a body");
    let slow = tokio::spawn(ask("/slow"));
    gate.reached(1).await;
    let answer = Answer::read(ask("/hit").await.expect("an answer")).await;
    assert!(answer.expect("a body").is_hit());
    gate.open();
    assert!(slow.await.expect("no panic").is_ok());
}
