//! One message for the gateway is never two for the upstream, nor the other way round.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::io::AsyncReadExt;

use super::{Gateway, OK, upstream};

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// Sends bytes unchanged; returns the response, and the number of separate requests for `/hidden`
/// that the upstream saw.
async fn send(bytes: &str) -> (String, usize) {
    let hidden = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hidden);
    let upstream = upstream(move |mut wire| {
        let count = Arc::clone(&count);
        async move {
            loop {
                let head = wire.head().await.to_lowercase();
                if head.is_empty() {
                    return;
                }
                let of_its_own = head.starts_with("get /hidden ");
                count.fetch_add(usize::from(of_its_own), Ordering::Relaxed);
                let (length, coding) = ("content-length: ", "transfer-encoding: ");
                // Ambiguous framing counts as a hidden request too.
                let doubtful = head.contains(coding)
                    && (head.contains(length) || !head.contains("transfer-encoding: chunked\r\n"));
                count.fetch_add(usize::from(doubtful), Ordering::Relaxed);
                if head.contains(coding) {
                    wire.until("0\r\n\r\n").await;
                } else if let Some((_, rest)) = head.split_once(length) {
                    let length = rest.split("\r\n").next().unwrap();
                    let mut body = vec![0; length.parse().unwrap()];
                    if wire.0.read_exact(&mut body).await.is_err() {
                        return;
                    }
                }
                wire.write(OK).await;
            }
        }
    })
    .await;
    let gateway = Gateway::before(upstream).await;
    let seen = gateway.ask(bytes).await;
    (seen, hidden.load(Ordering::Relaxed))
}

/// Checks that the request is refused, or is one request to all, and that its connection ends with
/// it.
async fn hides_nothing(bytes: &str) {
    let (seen, hidden) = send(bytes).await;
    assert_eq!(hidden, 0, "{bytes:?}: {seen}");
    assert!(seen.matches("HTTP/1.").count() <= 1, "{bytes:?}: {seen}");
}

async fn is_refused(bytes: &str) {
    let (seen, hidden) = send(bytes).await;
    assert_eq!(hidden, 0, "{bytes:?}: {seen}");
    let refused = seen.starts_with("HTTP/1.1 400 ") || seen.starts_with("HTTP/1.1 501 ");
    assert!(refused || seen.is_empty(), "{bytes:?}: {seen}");
}

#[tokio::test]
async fn a_length_and_a_coding_are_one_request_and_the_end_of_the_connection() {
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\n";
    for fields in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Content-Length: 0\r\ntransfer-encoding:\tchunked\r\n",
    ] {
        hides_nothing(&format!("{head}{fields}\r\n0\r\n\r\n{HIDDEN}")).await;
    }
}

#[tokio::test]
async fn a_disguised_coding_is_refused() {
    for coding in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;x",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding\0: chunked",
        "X: y\nTransfer-Encoding\n: chunked",
        " Transfer-Encoding: chunked",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\n{coding}\r\n");
        is_refused(&format!("{head}\r\n0\r\n\r\n{HIDDEN}")).await;
        let length = "Content-Length: 5\r\n";
        is_refused(&format!("{head}{length}\r\n0\r\n\r\n{HIDDEN}")).await;
    }
}

#[tokio::test]
async fn two_lengths_or_one_that_is_not_a_number_are_refused() {
    for length in [
        "Content-Length: 0\r\nContent-Length: 44",
        "Content-Length: 0, 44",
        "Content-Length: +0",
        "Content-Length: -1",
        "Content-Length: 0x0",
        "Content-Length: 0 0",
        "Content-Length:",
        "Content-Length : 0",
        "Content-Length: 18446744073709551616",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\n{length}\r\n");
        is_refused(&format!("{head}\r\n{HIDDEN}")).await;
    }
}

#[tokio::test]
async fn an_ambiguous_chunk_hides_nothing() {
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\
                Connection: close\r\n\r\n";
    for body in [
        // Line ends inside extensions, and bare ones.
        format!("1;x\nab\r\n0\r\n\r\n{HIDDEN}"),
        format!("1;x=\"\n\"\r\na\r\n0\r\n\r\n{HIDDEN}"),
        format!("1\na\n0\n\n{HIDDEN}"),
        format!("1\r\na\n0\r\n\r\n{HIDDEN}"),
        format!("1\r\naXX0\r\n\r\n{HIDDEN}"),
        // Sizes.
        format!("0x0\r\n\r\n{HIDDEN}"),
        format!("-0\r\n\r\n{HIDDEN}"),
        format!("10000000000000000\r\n\r\n{HIDDEN}"),
        format!("\r\n0\r\n\r\n{HIDDEN}"),
        // A valid one, with an extension.
        format!("1;x=y\r\na\r\n0\r\n\r\n{HIDDEN}"),
    ] {
        hides_nothing(&format!("{head}{body}")).await;
    }
}

#[tokio::test]
async fn line_ends_in_a_target_or_a_field_start_no_request() {
    for head in [
        "GET /\r/hidden HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rGET /hidden HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1 HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n",
    ] {
        is_refused(head).await;
    }
}

#[tokio::test]
async fn the_body_of_a_get_is_not_a_request() {
    let length = HIDDEN.len();
    let head = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n";
    hides_nothing(&format!("{head}Content-Length: {length}\r\n\r\n{HIDDEN}")).await;
}
