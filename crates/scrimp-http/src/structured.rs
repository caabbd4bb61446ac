//! Structured fields (RFC 9651).

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::Parser;

/// Parses a structured field (RFC 9651), over all its lines. `None` if it is absent or
/// malformed; both mean the same to callers.
pub(crate) fn structured<T: sfv::FieldType>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut text = lines.next()?.to_vec();
    for line in lines {
        text.extend_from_slice(b", ");
        text.extend_from_slice(line);
    }
    Parser::new(&text).parse().ok()
}
