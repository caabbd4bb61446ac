use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc},
};

use super::{Gateway, LOOPBACK, always, upstream};

#[tokio::test]
async fn an_upstream_that_hangs_up_before_its_headers_becomes_a_502() {
    let upstream = upstream(async |mut wire| drop(wire.head().await)).await;
    let gateway = Gateway::before(upstream).await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
    let cause = "proxy-status: scrimp-gateway; error=connection_terminated; \
                 details=\"upstream-closed\"\r\n";
    assert!(seen.contains(cause), "{seen}");
}

#[tokio::test]
async fn a_missing_upstream_becomes_a_502() {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let seen = Gateway::before(nobody).await.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
    assert!(seen.contains("error=connection_refused"), "{seen}");
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_http_becomes_a_502() {
    let gateway = Gateway::before(always("* OK IMAP4 ready\r\n\r\n").await).await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
    assert!(seen.contains("error=http_protocol_error"), "{seen}");
}

#[tokio::test]
async fn a_response_compressed_for_transfer_becomes_a_502() {
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    let seen = Gateway::before(always(response).await).await.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 502 "), "{seen}");
}

#[tokio::test]
async fn a_transfer_coding_that_changes_no_bytes_is_not_a_failure() {
    let upstream = upstream(async |mut wire| {
        wire.head().await;
        wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok")
            .await;
    })
    .await;
    let seen = Gateway::before(upstream).await.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    assert!(seen.contains("ok"), "{seen}");
}

#[tokio::test]
async fn a_stale_response_replaces_that_of_an_upstream_that_hangs_up() {
    let calls = Arc::new(AtomicUsize::new(0));
    let upstream = upstream(move |mut wire| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            wire.head().await;
            if first {
                let head =
                    "HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 1\r\nETag: \"a\"\r\n";
                wire.write(format!(
                    "{head}Connection: close\r\nContent-Length: 2\r\n\r\nok"
                ))
                .await;
            }
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    for _ in 0..2 {
        let seen = gateway.get("/").await;
        assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
        assert!(seen.ends_with("ok"), "{seen}");
    }
}

#[tokio::test]
async fn an_upstream_that_stays_silent_becomes_a_504() {
    let upstream = upstream(async |mut wire| {
        wire.head().await;
        wire.head().await;
    })
    .await;
    let gateway = Gateway::with(upstream, |builder| {
        builder.upstream_timeout(Duration::from_millis(100))
    })
    .await;
    let seen = gateway.get("/").await;
    assert!(seen.starts_with("HTTP/1.1 504 "), "{seen}");
    assert!(seen.contains("error=http_response_timeout"), "{seen}");
}

#[tokio::test]
async fn a_body_that_breaks_off_upstream_is_never_ended_cleanly() {
    for (framing, part) in [
        ("Content-Length: 10", "half "),
        ("Transfer-Encoding: chunked", "5\r\nhalf \r\n"),
    ] {
        let received = Arc::new(Notify::new());
        let half = Arc::clone(&received);
        let upstream = upstream(move |mut wire| {
            let half = Arc::clone(&half);
            async move {
                wire.head().await;
                wire.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{part}"))
                    .await;
                // The first half must arrive before the connection is closed.
                half.notified().await;
            }
        })
        .await;
        let gateway = Gateway::before(upstream).await;
        let mut client = gateway.connect().await;
        client
            .write("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
            .await;
        let mut seen = client.until("half ").await;
        received.notify_one();
        seen.push_str(&client.rest().await);
        assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
        let (_, body) = seen.split_once("\r\n\r\n").unwrap();
        // Fewer than ten bytes, and no last chunk.
        assert_eq!(body, part, "{framing}");
    }
}

#[tokio::test]
async fn a_client_that_breaks_off_its_body_breaks_the_upstreams() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let upstream = upstream(move |mut wire| {
        let tell = tell.clone();
        async move {
            wire.head().await;
            tell.send(wire.until("half \r\n").await).unwrap();
            tell.send(wire.rest().await).unwrap();
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let mut wire = gateway.connect().await;
    wire.write(
        "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf \r\n",
    )
    .await;
    assert_eq!(told.recv().await.unwrap(), "5\r\nhalf \r\n");
    drop(wire);
    assert_eq!(told.recv().await.unwrap(), "");
}
