//! Answers that are not a whole stored response: parts, 304, no content, a refusal.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use scrimp_core::Problem;

use super::hit::{Answer, whole};
use crate::{
    body::StoredBody,
    cache_status::{Forward, Report},
    entry::Entry,
    policy::{
        conditional,
        facts::{MethodClass, RequestFacts},
        judge::Freshness,
        range::{self, Ranges},
    },
    shared::Shared,
};

// === impl Answer ===

impl Answer {
    /// Answers `only-if-cached` if nothing usable is stored (RFC 9111 §5.2.1.7).
    pub(crate) fn refusal<St>(shared: &Shared<St>, reason: Forward) -> Self {
        shared.counters.unanswered.increment();
        let problem = Problem::new("cache", "only-if-cached", StatusCode::GATEWAY_TIMEOUT).detail(
            "No stored response can answer the request, which must not reach the upstream.",
        );
        let mut response = problem.response().map(|body| StoredBody::new(body, None));
        let report = Report::forwarded(reason).detail("only-if-cached");
        let value = report.value(&shared.config.name, None);
        response.headers_mut().insert(header::CACHE_STATUS, value);
        Self::Made(Box::new(response))
    }
}

/// Builds the answer: the whole, a range, or `304` if the client has it already.
pub(crate) fn from_entry(
    entry: &Entry,
    (headers, facts): (&HeaderMap, &RequestFacts),
    freshness: Freshness,
    cache_status: HeaderValue,
) -> Response<StoredBody> {
    let mut response = whole(entry, freshness.age, cache_status, |body| body);
    // Conditions and ranges are about a representation that exists (RFC 9110 §13.2.1).
    if entry.status == StatusCode::OK || entry.status.is_success() && facts.conditional {
        if facts.conditional && conditional::not_modified(headers, &entry.policy) {
            return not_modified(response);
        }
        if facts.range && facts.method == MethodClass::Get && entry.status == StatusCode::OK {
            return ranged(response, entry, headers);
        }
    }
    if facts.method == MethodClass::Head {
        *response.body_mut() = StoredBody::empty();
    }
    response
}

/// Turns a whole answer into a 304: the fields that describe the body are removed (RFC 9110
/// §15.4.5).
fn not_modified(mut response: Response<StoredBody>) -> Response<StoredBody> {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.body_mut() = StoredBody::empty();
    let headers = response.headers_mut();
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_RANGE,
        header::TRAILER,
    ] {
        headers.remove(name);
    }
    response
}

/// Turns a whole answer into the part that Range asks for.
fn ranged(
    mut response: Response<StoredBody>,
    entry: &Entry,
    request: &HeaderMap,
) -> Response<StoredBody> {
    let body = &entry.body;
    let length = body.len() as u64;
    match range::read(request, &entry.headers, &entry.policy, length) {
        Ranges::Whole => response,
        Ranges::Unsatisfiable => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(
                response.headers_mut(),
                &header::CONTENT_RANGE,
                &format!("bytes */{length}"),
            );
            response.headers_mut().remove(header::CONTENT_TYPE);
            with_body(response, Bytes::new())
        }
        Ranges::Parts(parts) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let headers = response.headers_mut();
            let body = if let [(start, end)] = parts[..] {
                let range = format!("bytes {start}-{}/{length}", end - 1);
                set(headers, &header::CONTENT_RANGE, &range);
                slice(body, (start, end))
            } else {
                multipart(headers, body, &parts)
            };
            with_body(response, body)
        }
    }
}

fn with_body(mut response: Response<StoredBody>, body: Bytes) -> Response<StoredBody> {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.remove(header::TRAILER);
    *response.body_mut() = StoredBody::new(body, None);
    response
}

fn slice(body: &Bytes, (start, end): range::Span) -> Bytes {
    // The spans are within the body's length, which is a usize.
    let at = |offset: u64| {
        usize::try_from(offset)
            .unwrap_or(body.len())
            .min(body.len())
    };
    body.slice(at(start)..at(end))
}

/// Writes several ranges as `multipart/byteranges` (RFC 9110 §14.6).
fn multipart(headers: &mut HeaderMap, body: &Bytes, parts: &[range::Span]) -> Bytes {
    let boundary = boundary(body, parts);
    let kind = headers.get(header::CONTENT_TYPE).cloned();
    let mut text = Vec::new();
    for &span in parts {
        text.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        if let Some(kind) = &kind {
            text.extend_from_slice(b"Content-Type: ");
            text.extend_from_slice(kind.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        let (start, last) = (span.0, span.1 - 1);
        let range = format!("Content-Range: bytes {start}-{last}/{}\r\n\r\n", body.len());
        text.extend_from_slice(range.as_bytes());
        text.extend_from_slice(&slice(body, span));
    }
    text.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    set(
        headers,
        &header::CONTENT_TYPE,
        &format!("multipart/byteranges; boundary={boundary}"),
    );
    text.into()
}

/// Returns a boundary that is not in any of the parts. It is random: an author of the body must
/// not be able to fill it with the boundaries that will be tried.
fn boundary(body: &Bytes, parts: &[range::Span]) -> String {
    loop {
        let number = RandomState::new().hash_one(body.len());
        let boundary = format!("scrimp-{number:016x}");
        let stands = |span: &range::Span| {
            slice(body, *span)
                .windows(boundary.len())
                .any(|window| window == boundary.as_bytes())
        };
        if !parts.iter().any(stands) {
            return boundary;
        }
    }
}

fn set(headers: &mut HeaderMap, name: &header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_never_stands_in_what_it_bounds() {
        let first = boundary(&Bytes::from(vec![b'x'; 30]), &[(0, 30)]);
        let body = Bytes::from(format!("..{first}.."));
        let other = boundary(&body, &[(0, body.len() as u64)]);
        assert!(!String::from_utf8_lossy(&body).contains(&other));
    }
}
