//! The pieces of streams.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use scrimp_http::stream::Pieces;

const KINDS: [&str; 6] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/json-seq",
    "multipart/mixed; boundary=b",
    "application/grpc",
    "application/vnd.amazon.eventstream",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, content)) = data.split_first() else {
        return;
    };
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    let pieces = Pieces::of(&headers).expect("a stream");
    let _ = pieces.is_done(content);
    // The pieces make up the whole, and what is clean has no rest.
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let clean = pieces.is_clean(content, Some(&trailers));
    let (mut rest, mut found) = (Bytes::copy_from_slice(content), Vec::new());
    let mut last = Bytes::new();
    while !rest.is_empty() {
        last = pieces.split_off(&mut rest);
        assert!(!last.is_empty(), "a piece is never empty");
        found.extend_from_slice(&last);
    }
    assert_eq!(found, content);
    assert!(!clean || last.is_empty() || pieces.is_clean(&last, Some(&trailers)));
});
