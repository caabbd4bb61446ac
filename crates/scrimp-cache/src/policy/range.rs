//! Byte ranges of a complete stored response (RFC 9110 §14).

use http::{HeaderMap, HeaderValue, header};
use scrimp_http::{date, etag, range};

pub(crate) use scrimp_http::range::{Ranges, Span};

use super::freshness::{Policy, Second};

/// Reads Range for a body of `length` bytes, honouring If-Range.
pub(crate) fn read(
    request: &HeaderMap,
    stored: &HeaderMap,
    policy: &Policy,
    length: u64,
) -> Ranges {
    match if_range_holds(request.get(header::IF_RANGE), stored, policy) {
        true => range::ranges(request, length),
        false => Ranges::Whole,
    }
}

/// Compares If-Range strongly (§13.1.5). An absent If-Range holds.
fn if_range_holds(condition: Option<&HeaderValue>, stored: &HeaderMap, policy: &Policy) -> bool {
    let Some(condition) = condition else {
        return true;
    };
    if etag::is_entity_tag(condition) {
        let own = policy.etag(stored);
        return own.is_some_and(|own| etag::strong_match(condition, own));
    }
    // A date is a strong validator only if the origin had a second to make another version in
    // between (§8.8.2.2).
    let strong = policy.last_modified.is_some_and(|modified| {
        date::field(stored, &header::DATE).is_some_and(|date| Second::from(date) > modified)
    });
    strong && date::value(condition).map(Second::from) == policy.last_modified
}
