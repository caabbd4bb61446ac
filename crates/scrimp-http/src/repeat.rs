//! Requests that may be sent twice.

use http::{HeaderMap, HeaderName, Method};

use crate::method::is_idempotent;

/// The field by which a server tells a repeated request from a new one
/// (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Reports whether a request may be sent again if it is unknown whether it was carried out: its
/// method is idempotent (RFC 9110 §9.2.2), or it has an [`IDEMPOTENCY_KEY`].
///
/// An empty key does not count: it identifies no request.
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
    fn an_idempotent_method_or_a_key_allows_a_repeat() {
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
