use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, mpsc},
    time::timeout,
};

use super::{Gateway, OK, always, upstream};

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_of_64_megabytes_arrives_whole() {
    let upstream = upstream(async |mut wire| {
        wire.head().await;
        wire.write(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            CHUNK * CHUNKS
        ))
        .await;
        for i in 0..CHUNKS {
            wire.write(vec![u8::try_from(i % 251).unwrap(); CHUNK])
                .await;
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<axum::body::Body>();
    let url = format!("http://{}/", gateway.address).parse().unwrap();
    let mut body = client.get(url).await.unwrap().into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        for byte in frame.unwrap().into_data().unwrap() {
            assert_eq!(usize::from(byte), (read / CHUNK) % 251);
            read += 1;
        }
    }
    assert_eq!(read, CHUNK * CHUNKS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_64_megabytes_arrives_whole() {
    let upstream = upstream(async |mut wire| {
        let head = wire.head().await;
        assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        let mut read = 0;
        loop {
            let size = wire.until("\r\n").await;
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            wire.0.read_exact(&mut chunk).await.unwrap();
            read += size;
            if size == 0 {
                break;
            }
        }
        let read = read.to_string();
        wire.write(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{read}",
            read.len()
        ))
        .await;
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let frames = stream::iter(std::iter::repeat_n(Bytes::from(vec![7; CHUNK]), CHUNKS))
        .map(|chunk| Ok::<_, std::convert::Infallible>(Frame::data(chunk)));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = http::Request::post(format!("http://{}/", gateway.address))
        .body(StreamBody::new(frames))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    let answer = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(answer, (CHUNK * CHUNKS).to_string());
}

#[tokio::test]
async fn the_first_bytes_do_not_wait_for_the_last() {
    let release = Arc::new(Notify::new());
    let held = release.clone();
    let upstream = upstream(move |mut wire| {
        let held = held.clone();
        async move {
            wire.head().await;
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
                .await;
            held.notified().await;
            wire.write(" last").await;
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let mut wire = gateway.connect().await;
    wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(wire.until("first").await.ends_with("\r\n\r\nfirst"));
    release.notify_one();
    assert_eq!(wire.until("last").await, " last");
}

#[tokio::test]
async fn a_head_keeps_its_length_and_has_no_body() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n";
    let gateway = Gateway::before(always(response).await).await;
    let seen = gateway
        .ask("HEAD / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        .await;
    assert!(seen.contains("content-length: 1234\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn a_response_without_content_gets_no_length_that_nobody_stated() {
    // RFC 9110 §8.6: the length is that of the content that a GET would have, which nobody knows here.
    let response = "HTTP/1.1 200 OK\r\nDate: Tue, 01 Dec 2026 00:00:00 GMT\r\n\r\n";
    let gateway = Gateway::before(always(response).await).await;
    let head = "HEAD / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let seen = gateway.ask(head).await;
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    assert!(!seen.contains("content-length"), "{seen}");
    let unchanged = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n";
    let gateway = Gateway::before(always(unchanged).await).await;
    let ask = "GET / HTTP/1.1\r\nHost: a.test\r\nIf-None-Match: \"a\"\r\nConnection: close\r\n\r\n";
    let seen = gateway.ask(ask).await;
    assert!(seen.starts_with("HTTP/1.1 304 "), "{seen}");
    assert!(!seen.contains("content-length"), "{seen}");
}

#[tokio::test]
async fn a_problem_has_no_body_for_a_head_and_states_its_length() {
    let gateway = Gateway::before(upstream(|_| async {}).await).await;
    let head = "HEAD / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let seen = gateway.ask(head).await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
    assert!(seen.contains("content-length: "), "{seen}");
    assert!(seen.ends_with("\r\n\r\n"), "{seen}");
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let gateway = Gateway::before(always(OK).await).await;
    let mut wire = gateway.connect().await;
    for _ in 0..3 {
        wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert!(wire.head().await.starts_with("HTTP/1.1 200 "));
        assert_eq!(wire.until("ok").await, "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_simultaneous_clients_each_get_their_own_response() {
    let gateway = Gateway::before(super::echo().await).await;
    let clients = (0..100).map(|i| {
        let gateway = &gateway;
        async move {
            let path = format!("/client-{i}");
            let seen = gateway.get(&path).await;
            assert!(seen.contains(&format!("get {path} http/1.1")), "{seen}");
        }
    });
    futures_util::future::join_all(clients).await;
}

#[tokio::test]
async fn a_client_that_waits_for_a_100_gets_it_from_the_gateway() {
    let upstream = upstream(async |mut wire| {
        let head = wire.head().await.to_lowercase();
        assert!(!head.contains("expect:"), "{head}");
        assert_eq!(wire.until("hello").await, "hello");
        wire.write(OK).await;
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let mut wire = gateway.connect().await;
    wire.write(
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
    )
    .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 100 "));
    wire.write("hello").await;
    wire.0.flush().await.unwrap();
    assert!(wire.rest().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_upstream_instead_of_filling_memory() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let upstream = upstream(move |mut wire| {
        let tell = tell.clone();
        async move {
            wire.head().await;
            wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            let chunk = format!("{CHUNK:x}\r\n{}\r\n", "x".repeat(CHUNK));
            let mut sent = 0;
            let stalled = Duration::from_millis(500);
            while let Ok(written) = timeout(stalled, wire.0.write_all(chunk.as_bytes())).await {
                written.unwrap();
                sent += CHUNK;
            }
            tell.send(sent).unwrap();
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let mut wire = gateway.connect().await;
    wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    wire.head().await;
    let sent = told.recv().await.unwrap();
    // Little more than the content of both connections' socket buffers.
    assert!(sent < 32 << 20, "{sent}");
}

#[tokio::test]
async fn dropping_the_client_ends_the_call_to_the_upstream() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let upstream = upstream(move |mut wire| {
        let tell = tell.clone();
        async move {
            wire.head().await;
            tell.send(()).unwrap();
            // No response; only the end of the connection ends this.
            assert_eq!(wire.rest().await, "");
            tell.send(()).unwrap();
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let mut wire = gateway.connect().await;
    wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    told.recv().await.unwrap();
    drop(wire);
    told.recv().await.unwrap();
}
