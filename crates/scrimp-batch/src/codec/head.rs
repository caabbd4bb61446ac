//! Header fields of items and batches.

use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
    request::Parts,
};
use scrimp_core::KeyBuf;

/// Fields that differ from call to call and change no answer.
const VOLATILE: [&str; 5] = [
    "content-length",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-correlation-id",
];

/// Adds method, path, query and all header fields but those that trace or frame a call: for
/// protocols whose items have no header fields of their own, so that the first item's hold
/// for all.
pub fn same_head(head: &Parts, lane: &mut KeyBuf) {
    lane.part(head.method.as_str().as_bytes());
    let path = head.uri.path_and_query();
    lane.part(path.map_or("/", |path| path.as_str()).as_bytes());
    for (name, value) in &head.headers {
        if !VOLATILE.contains(&name.as_str()) {
            lane.part(name.as_str().as_bytes()).part(value.as_bytes());
        }
    }
}

/// The header fields without those that belong to one connection or one message's framing.
#[must_use]
pub fn without_framing(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in FRAMING {
        headers.remove(name);
    }
    headers
}

const FRAMING: [HeaderName; 7] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
