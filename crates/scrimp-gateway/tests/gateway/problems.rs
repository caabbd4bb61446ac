//! Each response of the gateway's own is a problem document.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{Gateway, always, echo, upstream};

/// Checks the document, and the same reason in Proxy-Status.
fn is_problem(seen: &str, status: u16, name: &str, error: &str) {
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{seen}");
    assert!(
        head.contains("content-type: application/problem+json"),
        "{seen}"
    );
    assert!(head.contains("cache-control: no-store"), "{seen}");
    let reason = format!("proxy-status: scrimp-gateway; error={error}; details=\"{name}\"");
    assert!(head.contains(&reason), "{seen}");
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["type"], format!("urn:scrimp:gateway:{name}"));
    assert_eq!(document["status"], status);
    assert!(document["detail"].as_str().unwrap().len() > 10, "{seen}");
}

#[tokio::test]
async fn a_refused_request_is_a_problem_and_ends_its_connection() {
    let gateway = Gateway::before(echo().await).await;
    let loops = format!(
        "Host: a.test\r\n{}",
        "Via: 1.1 scrimp-gateway\r\n".repeat(4)
    );
    let host = "Host: a.test\r\n";
    let error = "http_request_error";
    for (request, fields, status, name, error) in [
        ("CONNECT a.test:443", host, 501, "tunnel", error),
        ("TRACE /", host, 405, "trace", error),
        ("GET /", "Host: a.test/evil\r\n", 400, "host", error),
        ("GET /", &loops, 508, "loop", "proxy_loop_detected"),
    ] {
        let request = format!("{request} HTTP/1.1\r\n{fields}\r\n");
        is_problem(&gateway.ask(&request).await, status, name, error);
    }
    let coding = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    let seen = gateway.ask(coding).await;
    is_problem(&seen, 501, "transfer-coding", error);
}

#[tokio::test]
async fn a_failure_of_the_upstream_is_a_problem() {
    let silent = upstream(async |mut wire| {
        wire.head().await;
        wire.head().await;
    })
    .await;
    let gateway = Gateway::with(silent, |builder| {
        builder.upstream_timeout(Duration::from_millis(100))
    })
    .await;
    let seen = gateway.get("/").await;
    is_problem(&seen, 504, "upstream-timeout", "http_response_timeout");

    let closed = upstream(async |mut wire| drop(wire.head().await)).await;
    let seen = Gateway::before(closed).await.get("/").await;
    is_problem(&seen, 502, "upstream-closed", "connection_terminated");

    let other = always("* OK IMAP4 ready\r\n\r\n").await;
    let seen = Gateway::before(other).await.get("/").await;
    is_problem(&seen, 502, "upstream-protocol", "http_protocol_error");
}

#[tokio::test]
async fn a_request_beyond_the_number_of_open_ones_is_a_problem() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let silent = upstream(move |mut wire| {
        let tell = tell.clone();
        async move {
            wire.head().await;
            tell.send(()).unwrap();
            wire.head().await;
        }
    })
    .await;
    let gateway = Gateway::with(silent, |builder| builder.max_requests(1)).await;
    let mut first = gateway.connect().await;
    first.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    told.recv().await.unwrap();
    let seen = gateway.get("/more").await;
    is_problem(&seen, 503, "too-many-requests", "connection_limit_reached");
    assert!(seen.contains("retry-after: 1\r\n"), "{seen}");
}
