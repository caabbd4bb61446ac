//! The status codes that may be stored.

use http::StatusCode;
use scrimp_http::status::is_heuristically_cacheable;

/// Returns whether this cache knows and follows the caching rules of a status code (§5.2.2.3).
pub(super) fn understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205 | 300..=303 | 307 | 308 | 400..=415 | 417 | 421 | 422 | 426 | 428 | 429 | 431
            | 451 | 500..=505 | 511
    )
}

/// Returns whether no cache may store a status code. RFC 6585 forbids it for all its codes; 416
/// answers a Range, which is not in a key.
pub(super) fn never_stored(status: StatusCode) -> bool {
    matches!(status.as_u16(), 416 | 428 | 429 | 431 | 511)
}

/// Returns whether a status code blames the request: all of 4xx except those about the resource,
/// and two of 5xx.
///
/// A request is more than its key. A client that finds a field that an upstream cannot handle
/// could have the error stored for all callers ("cache-poisoned denial of service", Nguyen et al.,
/// CCS 2019). So a rule's TTL covers these codes only if the rule names the status. A lifetime
/// from the origin counts (§3).
pub(crate) fn blames_request(status: StatusCode) -> bool {
    match status.as_u16() {
        404 | 410 | 451 => false,
        400..=499 | 501 | 505 => true,
        _ => false,
    }
}

/// Returns whether a status code is cacheable by default (RFC 9110 §15.1). 206 is one of these
/// codes, but left out: this cache stores whole responses only.
pub(crate) fn heuristically_cacheable(status: StatusCode) -> bool {
    is_heuristically_cacheable(status) && status != StatusCode::PARTIAL_CONTENT
}
