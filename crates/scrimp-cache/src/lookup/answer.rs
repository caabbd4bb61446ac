//! Answers that are not a whole stored response: parts, 304, no content, a refusal.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use scrimp_core::Problem;
use scrimp_http::{
    range::{content_range, slice, unsatisfied},
    representation::strip_for_not_modified,
};

use super::{Answer, whole};
use crate::{
    body::{Parts, StoredBody},
    cache_status::{Forward, Report},
    entry::Entry,
    policy::{
        conditional,
        facts::{MethodClass, RequestFacts},
        judge::Freshness,
        range::{self, Ranges, Span},
    },
    shared::Shared,
};

// === impl Answer ===

impl Answer {
    /// Answers `only-if-cached` if nothing usable is stored (RFC 9111 §5.2.1.7).
    pub(crate) fn refusal<St>(shared: &Shared<St>, reason: Forward) -> Self {
        shared.counters.refused.increment();
        let problem = Problem::new("cache", "only-if-cached", StatusCode::GATEWAY_TIMEOUT).detail(
            "No stored response can answer the request, which must not reach the upstream.",
        );
        let mut response = problem.uncalled().response().map(StoredBody::new);
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
    let mut response = whole(entry, freshness.age(), cache_status, |body| body);
    // Conditions and ranges are about a representation that exists (RFC 9110 §13.2.1).
    if entry.status == StatusCode::OK || entry.status.is_success() && facts.conditional {
        if facts.conditional
            && conditional::not_modified(headers, response.headers(), &entry.policy)
        {
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
    strip_for_not_modified(response.headers_mut());
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
    match range::read(request, response.headers(), &entry.policy, length) {
        Ranges::Whole => response,
        Ranges::Unsatisfiable => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            let headers = response.headers_mut();
            let range = unsatisfied(length);
            set(headers, &header::CONTENT_RANGE, &range);
            headers.remove(header::CONTENT_TYPE);
            with_body(response, 0, StoredBody::empty())
        }
        Ranges::Parts(parts) => partial(response, body, parts),
    }
}

/// Turns a whole answer into one with these parts of its body.
fn partial(
    mut response: Response<StoredBody>,
    body: &Bytes,
    parts: Vec<Span>,
) -> Response<StoredBody> {
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    if let [span] = parts[..] {
        let range = content_range(span, body.len() as u64);
        set(headers, &header::CONTENT_RANGE, &range);
        let part = slice(body, span);
        return with_body(response, part.len() as u64, StoredBody::new(part));
    }
    let kind = headers.get(header::CONTENT_TYPE).cloned();
    let parts = Parts::new(body.clone(), kind, parts);
    headers.insert(header::CONTENT_TYPE, parts.content_type());
    with_body(response, parts.left(), StoredBody::parts(parts))
}

fn with_body(
    mut response: Response<StoredBody>,
    length: u64,
    body: StoredBody,
) -> Response<StoredBody> {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.remove(header::TRAILER);
    *response.body_mut() = body;
    response
}

fn set(headers: &mut HeaderMap, name: &header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
