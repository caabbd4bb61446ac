//! Upstreams that fail on a real connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use scrimp::{
    cache::{Cache, CacheLayer},
    core::BoxError,
};
use scrimp_tests::{Answer, Server, layer, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{Layer, ServiceExt};

type Outbound = Cache<Client<HttpConnector, Full<Bytes>>>;

const WHOLE: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\nContent-Length: 5\r\n\r\nwhole";

/// Starts a server whose first response breaks off after `first`, and whose second is complete.
async fn breaks_off(first: &'static str) -> (Server, CacheLayer, Outbound) {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = Server::raw(move |mut stream| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            let answer = if call == 0 { first } else { WHOLE };
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let layer = layer(&[]);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let cache = layer.layer(client);
    (server, layer, cache)
}

async fn get(cache: &Outbound, server: &Server) -> Result<Answer, BoxError> {
    let request = request("GET", &server.url("/"), &[]);
    Answer::read(cache.clone().oneshot(request).await?).await
}

async fn recovers_from(first: &'static str) {
    let (server, layer, cache) = breaks_off(first).await;
    assert!(get(&cache, &server).await.is_err(), "{first:?}");
    assert_eq!(
        (layer.stats().stored, layer.stats().store.fill_bytes),
        (0, 0)
    );
    let whole = get(&cache, &server).await.expect("an answer");
    assert_eq!((whole.text(), whole.is_hit()), ("whole", false));
    assert!(get(&cache, &server).await.expect("an answer").is_hit());
    assert_eq!(layer.stats().store.fill_bytes, 0);
}

#[tokio::test]
async fn a_body_that_ends_before_its_length_is_an_error_and_not_stored() {
    recovers_from("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nhalf")
        .await;
}

#[tokio::test]
async fn a_chunked_body_without_its_last_chunk_is_an_error_and_not_stored() {
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    recovers_from(head).await;
}

#[tokio::test]
async fn a_chunk_that_breaks_off_is_an_error_and_not_stored() {
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf";
    recovers_from(head).await;
}

#[tokio::test]
async fn a_connection_closed_before_or_inside_the_head_is_an_error_and_blocks_no_key() {
    recovers_from("").await;
    recovers_from("HTTP/1.1 200 OK\r\nCache-Con").await;
}

#[tokio::test]
async fn all_waiters_of_a_failing_upstream_get_their_own_response() {
    let (server, layer, cache) =
        breaks_off("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
    let calls = (0..100).map(|_| get(&cache, &server));
    let answers = futures_util::future::join_all(calls).await;
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(failed, 1, "one connection failed, and one request with it");
    assert_eq!(layer.stats().store.fill_bytes, 0);
}

#[tokio::test]
async fn a_reset_before_the_head_is_an_error_and_blocks_no_key() {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = Server::raw(move |mut stream| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            if call == 0 {
                // Closing now sends a reset instead of a normal end.
                stream.set_zero_linger().expect("a socket option");
            } else {
                let _ = stream.write_all(WHOLE.as_bytes()).await;
            }
        }
    })
    .await;
    let layer = layer(&[]);
    let cache = layer.layer(Client::builder(TokioExecutor::new()).build_http());
    assert!(get(&cache, &server).await.is_err());
    assert_eq!(
        get(&cache, &server).await.expect("an answer").text(),
        "whole"
    );
    assert!(get(&cache, &server).await.expect("an answer").is_hit());
}

#[tokio::test]
async fn dropping_the_client_of_a_stalled_upstream_closes_its_connection() {
    let (left, mut leaving) = tokio::sync::mpsc::channel(1);
    let server = Server::raw(move |mut stream| {
        let left = left.clone();
        async move {
            let head =
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nhalf";
            let _ = stream.write_all(head.as_bytes()).await;
            // Nothing more is sent until the other side closes.
            let _ = stream.read_u8().await;
            let _ = left.send(()).await;
        }
    })
    .await;
    let layer = layer(&[]);
    let cache: Outbound = layer.layer(Client::builder(TokioExecutor::new()).build_http());
    let request = request("GET", &server.url("/"), &[]);
    let mut body = cache.oneshot(request).await.expect("a head").into_body();
    body.frame().await.expect("a frame").expect("data");
    assert!(layer.stats().store.fill_bytes > 0);
    drop(body);
    leaving.recv().await.expect("the connection was closed");
    assert_eq!(
        (layer.stats().stored, layer.stats().store.fill_bytes),
        (0, 0)
    );
}
