//! Memory of header fields.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Overhead in bytes of a name that the http crate does not know, besides its text. Names are
/// cloned, so their reference count is on the heap.
const SHARED: usize = 40;

/// Returns the bytes of a header map on the heap, if it has no room to spare.
pub(crate) fn headers_size(headers: &HeaderMap) -> usize {
    let values: usize = headers.values().map(HeaderValue::len).sum();
    map_size(headers) + values
}

/// Returns the bytes of a header map on the heap without the texts of values: per name a bucket (name,
/// value, hash, links) and its places in the index at their load factor, per further line its links,
/// and the names.
pub(super) fn map_size(headers: &HeaderMap) -> usize {
    const BUCKET: usize = 104;
    const LINE: usize = 72;
    const INDEX: usize = 4;
    let (names, lines) = (headers.keys_len(), headers.len());
    let index = headers.capacity() * INDEX * 4 / 3;
    let texts: usize = headers.keys().map(name_size).sum();
    names * BUCKET + (lines - names) * LINE + index + texts
}

/// Returns the heap size of a name. Names that the http crate knows take none. It does not tell
/// which it knows, so this lists the response fields; any other name counts.
fn name_size(name: &HeaderName) -> usize {
    let name = name.as_str();
    match name {
        "accept-ranges"
        | "access-control-allow-credentials"
        | "access-control-allow-headers"
        | "access-control-allow-methods"
        | "access-control-allow-origin"
        | "access-control-expose-headers"
        | "access-control-max-age"
        | "age"
        | "allow"
        | "alt-svc"
        | "cache-control"
        | "cache-status"
        | "cdn-cache-control"
        | "content-disposition"
        | "content-encoding"
        | "content-language"
        | "content-length"
        | "content-location"
        | "content-range"
        | "content-security-policy"
        | "content-type"
        | "date"
        | "etag"
        | "expires"
        | "last-modified"
        | "link"
        | "location"
        | "pragma"
        | "referrer-policy"
        | "retry-after"
        | "server"
        | "set-cookie"
        | "strict-transport-security"
        | "vary"
        | "via"
        | "x-content-type-options"
        | "x-dns-prefetch-control"
        | "x-frame-options"
        | "x-xss-protection" => 0,
        _ => name.len() + SHARED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: impl Iterator<Item = String>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in names {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, "v".parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn names_weigh_what_they_take_whatever_they_begin_with() {
        let long = "n".repeat(1_000);
        let many = map((0..50).map(|n| format!("{long}-{n}")));
        assert!(headers_size(&many) > 50_000);
        let known = map(["etag", "vary", "date"].map(String::from).into_iter());
        let unknown = map(["etaf", "varz", "datf"].map(String::from).into_iter());
        assert_eq!(
            headers_size(&unknown) - headers_size(&known),
            3 * (4 + SHARED)
        );
    }
}
