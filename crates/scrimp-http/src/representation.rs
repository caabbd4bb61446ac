//! Fields that tell representations apart, and the identity of the bytes of two responses.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::etag::is_strong;

/// Properties that two responses must share so that the rest of one body is the rest of the other:
/// status, entity tag, length, type and coding (RFC 9110 §8, §15.3.7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    status: StatusCode,
    tag: Option<HeaderValue>,
    others: [Option<HeaderValue>; 3],
}

// === impl Identity ===

impl Identity {
    /// Reads a response's head.
    #[must_use]
    pub fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let value = |name| headers.get(name).cloned();
        Self {
            status,
            tag: value(header::ETAG),
            others: [
                header::CONTENT_LENGTH,
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
            ]
            .map(value),
        }
    }

    /// Reports whether equal identities mean equal bytes, by a strong entity tag (RFC 9110
    /// §8.8.1), and not only an equal meaning.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        self.tag.as_ref().is_some_and(is_strong)
    }
}

/// Reports whether a field says something of one representation or one moment, so that two responses
/// seldom have the same value under it.
#[must_use]
pub fn is_particular(name: &HeaderName) -> bool {
    [
        header::CONTENT_LENGTH,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::LAST_MODIFIED,
        header::LOCATION,
        header::SET_COOKIE,
    ]
    .contains(name)
}

/// Reports whether a field describes the bytes of a body, so that a 304 cannot change it for a body
/// that was stored before (RFC 9111 §3.2).
#[must_use]
pub fn describes_body(name: &HeaderName) -> bool {
    [
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::ETAG,
    ]
    .contains(name)
        || name == "content-md5"
}

/// Removes the fields that describe a body from the fields of a 304 (RFC 9110 §15.4.5).
pub fn strip_for_not_modified(headers: &mut HeaderMap) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_304_keeps_what_identifies_the_representation() {
        let mut headers = HeaderMap::new();
        for name in ["etag", "date", "content-type", "content-length", "vary"] {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        strip_for_not_modified(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["date", "etag", "vary"]);
    }

    #[test]
    fn fields_of_one_body_differ_from_those_of_its_kind() {
        for (name, particular, of_body) in [
            (header::ETAG, true, true),
            (header::DATE, true, false),
            (header::CONTENT_ENCODING, false, true),
            (header::CONTENT_TYPE, false, false),
        ] {
            assert_eq!(is_particular(&name), particular, "{name}");
            assert_eq!(describes_body(&name), of_body, "{name}");
        }
    }

    fn identity(status: u16, fields: &[(&'static str, &str)]) -> Identity {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        Identity::of(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn the_properties_of_the_bytes_must_be_equal() {
        let plain = identity(200, &[("etag", "\"a\"")]);
        assert_eq!(identity(200, &[("etag", "\"a\""), ("date", "x")]), plain);
        for (status, fields) in [
            (206, &[("etag", "\"a\"")][..]),
            (200, &[("etag", "\"b\"")]),
            (200, &[("etag", "\"a\""), ("content-length", "1")]),
            (200, &[("etag", "\"a\""), ("content-encoding", "br")]),
            (200, &[("etag", "\"a\""), ("content-type", "text/html")]),
        ] {
            assert_ne!(identity(status, fields), plain, "{status} {fields:?}");
        }
    }

    #[test]
    fn only_a_strong_tag_identifies_bytes() {
        assert!(identity(200, &[("etag", "\"a\"")]).is_strong());
        assert!(!identity(200, &[("etag", "W/\"a\"")]).is_strong());
        assert!(!identity(200, &[]).is_strong());
    }
}
