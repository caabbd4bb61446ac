//! Ambiguous framing in all combinations, against an upstream that follows RFC 9112 strictly.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Gateway, OK, Wire, upstream};

const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\nX: ";

/// Starts an upstream that follows RFC 9112 strictly and records its requests.
async fn strict() -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let address = upstream(move |mut wire| {
        let noted = Arc::clone(&noted);
        async move {
            loop {
                let head = wire.head().await;
                if head.is_empty() {
                    break;
                }
                read_body(&mut wire, &head.to_lowercase()).await;
                noted.lock().await.push(head);
                wire.write(OK).await;
            }
        }
    })
    .await;
    (address, seen)
}

async fn read_body(wire: &mut Wire, head: &str) {
    if head.contains("\r\ntransfer-encoding: chunked\r\n") {
        loop {
            let size = wire.until("\r\n").await;
            if !size.ends_with("\r\n") {
                // The gateway broke off, so this reader must stop too.
                break;
            }
            let size = usize::from_str_radix(size.trim_end(), 16).expect("a bare size");
            wire.exactly(size + 2).await;
            if size == 0 {
                break;
            }
        }
    } else if let Some((_, rest)) = head.split_once("\r\ncontent-length: ") {
        let (length, _) = rest.split_once("\r\n").expect("a line");
        wire.exactly(length.parse().expect("a number")).await;
    }
}

/// Sends a request that ends its connection, and returns the requests that the upstream read. At
/// most one response comes back.
async fn taken_for(bytes: &[u8]) -> Vec<String> {
    let (upstream, seen) = strict().await;
    let gateway = Gateway::before(upstream).await;
    let mut wire = gateway.connect().await;
    wire.write(bytes).await;
    let answers = wire.rest().await;
    let shown = String::from_utf8_lossy(bytes);
    assert!(
        answers.matches("HTTP/1.1 ").count() <= 1,
        "{shown}{answers}"
    );
    seen.lock().await.clone()
}

async fn nothing_is_smuggled(framing: &str, body: &str) {
    for method in ["POST", "GET"] {
        let request = format!(
            "{method} /open HTTP/1.1\r\nHost: a.test\r\n{framing}\r\nConnection: close\r\n\r\n{body}"
        );
        for head in taken_for(request.as_bytes()).await {
            assert!(head.contains("/open HTTP/1.1\r\n"), "{request}{head}");
            assert!(!head.contains("/smuggled"), "{request}{head}");
        }
    }
}

#[tokio::test]
async fn neither_of_two_framings_can_hide_a_request() {
    let after_the_end = format!("0\r\n\r\n{HIDDEN}");
    let in_a_chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    for (length, body) in [
        (after_the_end.len(), &after_the_end),
        (5, &after_the_end),
        (4, &in_a_chunk),
        (in_a_chunk.len(), &in_a_chunk),
    ] {
        let length = format!("Content-Length: {length}");
        for coding in [
            "Transfer-Encoding: chunked",
            "TRANSFER-ENCODING: CHUNKED",
            "Transfer-Encoding:\tchunked",
            "Transfer-Encoding:  chunked  ",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding : chunked",
            " Transfer-Encoding: chunked",
            "X: x\nTransfer-Encoding: chunked",
            "X: x\rTransfer-Encoding: chunked",
            "Transfer-Encoding\r\n : chunked",
            "Transfer-Encoding:\r\n chunked",
            "Transfer-Encoding: \u{b}chunked",
            "Transfer-Encoding: chunked\0",
        ] {
            nothing_is_smuggled(&format!("{length}\r\n{coding}"), body).await;
            nothing_is_smuggled(&format!("{coding}\r\n{length}"), body).await;
        }
    }
}

#[tokio::test]
async fn a_passed_request_has_correct_line_ends_and_one_length() {
    for request in [
        &b"POST /open HTTP/1.1\nHost: a.test\nContent-Length: 2\nConnection: close\n\nok"[..],
        b"POST /open HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\
          Connection: close\r\n\r\n2;name=\"value\"\r\nok\r\n0;last\r\nTrailer: x\r\n\r\n",
    ] {
        let seen = taken_for(request).await;
        let [head] = &seen[..] else {
            panic!("one request: {seen:?}")
        };
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head:?}");
        let head = head.to_lowercase();
        let framings =
            head.matches("content-length:").count() + head.matches("transfer-encoding:").count();
        assert_eq!(framings, 1, "{head}");
    }
}

#[tokio::test]
async fn a_request_line_is_one_line_of_three_words() {
    for line in [
        "GET /open HTTP/1.1 GET /smuggled HTTP/1.1",
        "GET /open\t/smuggled HTTP/1.1",
        "GET /open\r/smuggled HTTP/1.1",
        "GET /open\0 HTTP/1.1",
        "GET  /smuggled HTTP/1.1",
        "GET /smuggled",
        "GET /smuggled HTTP/0.9",
        "GET /smuggled HTTP/1.1x",
        "GET smuggled HTTP/1.1",
        "G\u{e9}T /smuggled HTTP/1.1",
    ] {
        let request = format!("{line}\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        let seen = taken_for(request.as_bytes()).await;
        assert!(seen.is_empty(), "{line:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_framing_field_under_another_name_is_not_passed_on() {
    // CGI and similar interfaces take `_` for `-`.
    for name in ["Transfer_Encoding: chunked", "Content_Length: 0"] {
        let request = format!(
            "POST /open HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n{name}\r\n\
             Connection: close\r\n\r\nok"
        );
        let seen = taken_for(request.as_bytes()).await;
        let [head] = &seen[..] else {
            panic!("one request: {seen:?}")
        };
        assert!(!head.contains('_'), "{head}");
    }
}
