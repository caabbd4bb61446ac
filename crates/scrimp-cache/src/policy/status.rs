//! Which status codes may be stored, and on whose word.

use http::StatusCode;
use scrimp_http::status::is_heuristically_cacheable;

/// Status codes whose caching rules this cache knows and follows (§5.2.2.3).
pub(super) fn understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 307 | 308 | 400..=415 | 417 | 421 | 422 | 426 | 428 | 429 | 431
            | 451 | 500..=505 | 511
    )
}

/// Status codes that no cache may store: RFC 6585 forbids it for all but 416, which answers
/// a Range, and no key holds that.
pub(super) fn never_stored(status: StatusCode) -> bool {
    matches!(status.as_u16(), 416 | 428 | 429 | 431 | 511)
}

/// Status codes that blame the request: all of 4xx but those that speak of the resource,
/// and two of 5xx.
///
/// A request is more than its key. A client that finds a field that an upstream chokes on could
/// have its complaint stored for everybody ("cache-poisoned denial of service", Nguyen et
/// al., CCS 2019). So a rule's TTL does not cover them unless the rule names the status; an
/// origin that gives one a lifetime of its own is taken at its word (§3).
pub(crate) fn blames_request(status: StatusCode) -> bool {
    match status.as_u16() {
        404 | 410 | 451 => false,
        400..=499 | 501 | 505 => true,
        _ => false,
    }
}

/// Status codes that are cacheable without anybody saying so (RFC 9110 §15.1). 206 is one
/// of them, and left out: this cache keeps whole responses only.
pub(crate) fn heuristically_cacheable(status: StatusCode) -> bool {
    is_heuristically_cacheable(status) && status != StatusCode::PARTIAL_CONTENT
}
