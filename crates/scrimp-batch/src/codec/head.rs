//! Header fields of items and batches.

use http::{HeaderMap, header::ACCEPT_ENCODING, request::Parts};
use scrimp_core::KeyBuf;
use scrimp_http::framing;

/// Adds method, path, query and all header fields to a lane's key, without the fields that
/// [trace](scrimp_http::trace_fields) or [frame](scrimp_http::framing) a call, and without
/// Accept-Encoding: a batch asks for no coding.
///
/// This is for protocols whose items have no header fields of their own: the fields of the first
/// item are those of all.
pub fn same_head(head: &Parts, lane: &mut KeyBuf) {
    lane.part(head.method.as_str().as_bytes());
    let path = head.uri.path_and_query();
    lane.part(path.map_or("/", |path| path.as_str()).as_bytes());
    for (name, value) in framing::untraced_fields(&head.headers) {
        if *name == ACCEPT_ENCODING {
            continue;
        }
        lane.part(name.as_str().as_bytes()).part(value.as_bytes());
    }
}

/// Returns the header fields without the framing of their message, and without the fields of its
/// connection, among them those that Connection names.
#[must_use]
pub fn without_framing(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    framing::strip(&mut headers);
    headers
}
