//! Clients that keep the gateway waiting.

use std::time::Duration;

use tokio::{sync::mpsc, time::Instant};

use super::{Gateway, OK, always, upstream};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

/// Starts an upstream that answers once it has read a body in chunks, and tells how it ended.
async fn uploads() -> (std::net::SocketAddr, mpsc::UnboundedReceiver<bool>) {
    let (tell, told) = mpsc::unbounded_channel();
    let address = upstream(move |mut wire| {
        let tell = tell.clone();
        async move {
            wire.head().await;
            let whole = wire.until("\r\n0\r\n\r\n").await.ends_with("\r\n0\r\n\r\n");
            tell.send(whole).unwrap();
            if whole {
                wire.write(OK).await;
            }
        }
    })
    .await;
    (address, told)
}

const UPLOAD: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_client_that_sends_its_fields_slowly_is_closed() {
    let gateway = Gateway::with(always(OK).await, |builder| {
        builder.header_timeout(SHORT).idle_timeout(LONG)
    })
    .await;
    for start in [
        "",
        "GET / HTT",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: ",
        "PRI * HT",
    ] {
        let mut wire = gateway.connect().await;
        wire.write(start).await;
        let before = Instant::now();
        assert_eq!(wire.rest().await, "", "{start}");
        assert!(before.elapsed() < Duration::from_secs(5), "{start}");
    }
}

#[tokio::test]
async fn bytes_do_not_buy_time_for_the_fields_of_a_request() {
    let gateway = Gateway::with(always(OK).await, |builder| builder.header_timeout(SHORT)).await;
    let mut wire = gateway.connect().await;
    wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n").await;
    let mut drips = 0;
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_millis(30)).await;
            if tokio::io::AsyncWriteExt::write_all(&mut wire.0, b"X: y\r\n")
                .await
                .is_err()
            {
                break;
            }
            drips += 1;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(5), drip).await;
    ended.expect("it should be closed");
    assert!(drips >= 3, "{drips}");
}

#[tokio::test]
async fn a_second_request_must_come_in_time_and_at_once() {
    for (idle, header, start) in [(SHORT, LONG, ""), (LONG, SHORT, "GET / HTT")] {
        let gateway = Gateway::with(always(OK).await, |builder| {
            builder.header_timeout(header).idle_timeout(idle)
        })
        .await;
        let mut wire = gateway.connect().await;
        wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert!(wire.head().await.starts_with("HTTP/1.1 200 "));
        assert_eq!(wire.until("ok").await, "ok");
        wire.write(start).await;
        let before = Instant::now();
        assert_eq!(wire.rest().await, "");
        assert!(before.elapsed() < Duration::from_secs(5), "{start}");
    }
}

#[tokio::test]
async fn a_connection_waits_for_its_next_request_as_long_as_it_may() {
    let gateway = Gateway::with(always(OK).await, |builder| {
        builder.header_timeout(SHORT).idle_timeout(LONG)
    })
    .await;
    let mut wire = gateway.connect().await;
    for _ in 0..2 {
        wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert!(wire.head().await.starts_with("HTTP/1.1 200 "));
        wire.until("ok").await;
        // Longer than a slow request may take, as this is the time between two.
        tokio::time::sleep(SHORT * 2).await;
    }
}

#[tokio::test]
async fn a_body_that_stops_is_answered_with_408() {
    let (upstream, mut told) = uploads().await;
    let gateway = Gateway::with(upstream, |builder| builder.body_pace(SHORT, 1000)).await;
    let mut wire = gateway.connect().await;
    wire.write(format!("{UPLOAD}5\r\nhello\r\n")).await;
    let seen = wire.rest().await;
    assert!(seen.starts_with("HTTP/1.1 408 "), "{seen}");
    assert!(
        seen.contains("urn:scrimp:gateway:request-too-slow"),
        "{seen}"
    );
    assert!(
        !told.recv().await.unwrap(),
        "the upstream must not take it for whole"
    );
}

#[tokio::test]
async fn a_body_that_stops_is_answered_with_408_before_an_http_2_upstream_too() {
    let (upstream, _told) = uploads().await;
    let inner = Gateway::before(upstream).await;
    let gateway = Gateway::with(inner.address, |builder| {
        builder.upstream_http2().body_pace(SHORT, 1000)
    })
    .await;
    let mut wire = gateway.connect().await;
    wire.write(format!("{UPLOAD}5\r\nhello\r\n")).await;
    let seen = wire.rest().await;
    assert!(seen.starts_with("HTTP/1.1 408 "), "{seen}");
}

#[tokio::test]
async fn a_body_below_the_rate_is_given_up_and_one_above_it_is_not() {
    for (rate, status) in [(1 << 20, "408"), (1, "200")] {
        let (upstream, _told) = uploads().await;
        let gateway = Gateway::with(upstream, |builder| builder.body_pace(SHORT, rate)).await;
        let mut wire = gateway.connect().await;
        wire.write(UPLOAD).await;
        let (mut reader, mut writer) = wire.0.split();
        let drip = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let chunk = b"5\r\nhello\r\n";
                if tokio::io::AsyncWriteExt::write_all(&mut writer, chunk)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            let _ = tokio::io::AsyncWriteExt::write_all(&mut writer, b"0\r\n\r\n").await;
        };
        let mut head = [0; 12];
        let read = tokio::io::AsyncReadExt::read_exact(&mut reader, &mut head);
        let (read, ()) = tokio::join!(read, drip);
        read.unwrap();
        let seen = String::from_utf8_lossy(&head);
        assert_eq!(seen, format!("HTTP/1.1 {status}"), "{rate}");
    }
}

#[tokio::test]
async fn the_time_of_a_slow_upstream_is_not_the_clients() {
    let slow = upstream(async |mut wire| {
        wire.head().await;
        tokio::time::sleep(SHORT * 3).await;
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            .await;
        tokio::time::sleep(SHORT * 3).await;
        wire.write("late").await;
    })
    .await;
    let gateway = Gateway::with(slow, |builder| {
        let builder = builder.header_timeout(SHORT).idle_timeout(SHORT);
        builder.send_pace(SHORT, 1000).body_pace(SHORT, 1000)
    })
    .await;
    let seen = gateway.get("/").await;
    assert!(seen.ends_with("\r\n\r\nlate"), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_closed_and_so_is_the_call_for_it() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let endless = upstream(move |mut wire| {
        let tell = tell.clone();
        async move {
            wire.head().await;
            wire.write("HTTP/1.1 200 OK\r\n\r\n").await;
            let chunk = vec![b'x'; 64 << 10];
            let mut sent = 0_usize;
            while tokio::io::AsyncWriteExt::write_all(&mut wire.0, &chunk)
                .await
                .is_ok()
            {
                sent += chunk.len();
            }
            tell.send(sent).unwrap();
        }
    })
    .await;
    let gateway = Gateway::with(endless, |builder| {
        builder.no_cache().send_pace(SHORT, 1 << 20)
    })
    .await;
    let mut wire = gateway.connect().await;
    wire.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let sent = tokio::time::timeout(Duration::from_secs(10), told.recv()).await;
    let sent = sent.expect("it should be given up").unwrap();
    // Little more than the buffers of both connections.
    assert!(sent < 32 << 20, "{sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_slowly_but_steadily_gets_a_large_stored_response() {
    let size = 8 << 20;
    let body = "x".repeat(size);
    let large = always(format!(
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {size}\r\n\r\n{body}"
    ))
    .await;
    // The whole response takes longer than any of these.
    let gateway = Gateway::with(large, |builder| {
        builder.idle_timeout(SHORT).send_pace(SHORT * 3, 1000)
    })
    .await;
    let mut first = gateway.connect().await;
    first
        .write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        .await;
    assert!(first.rest().await.len() > size);
    let mut wire = gateway.connect().await;
    wire.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        .await;
    wire.head().await;
    for _ in 0..32 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut part = vec![0; size / 32];
        tokio::io::AsyncReadExt::read_exact(&mut wire.0, &mut part)
            .await
            .unwrap();
    }
}
