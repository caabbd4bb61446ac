//! Requests that may be sent twice.

use http::{HeaderMap, HeaderName, Method};

use crate::method::is_idempotent;

/// A field by which a server tells a request that comes again from a new one
/// (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Returns whether a request may be sent again when it is unknown whether it was carried out:
/// its method is idempotent (RFC 9110 §9.2.2), or it has an [`IDEMPOTENCY_KEY`].
///
/// An empty key tells no request from another and does not count.
#[must_use]
#[inline]
pub fn may_repeat(method: &Method, headers: &HeaderMap) -> bool {
    is_idempotent(method)
        || headers
            .get(IDEMPOTENCY_KEY)
            .is_some_and(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_or_a_key_allows_for_it() {
        let none = HeaderMap::new();
        for (method, expected) in [
            ("GET", true),
            ("PUT", true),
            ("PROPFIND", true),
            ("QUERY", true),
            ("POST", false),
            ("PATCH", false),
            ("get", false),
            ("BREW", false),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(may_repeat(&method, &none), expected, "{method}");
        }
        let mut key = HeaderMap::new();
        key.insert(IDEMPOTENCY_KEY, "\"8e03978e\"".parse().unwrap());
        assert!(may_repeat(&Method::POST, &key));
        key.insert(IDEMPOTENCY_KEY, "".parse().unwrap());
        assert!(!may_repeat(&Method::POST, &key));
    }
}
