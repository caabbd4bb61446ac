//! Identity of the bytes of two responses.

use http::{HeaderMap, HeaderValue, StatusCode, header};

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

#[cfg(test)]
mod tests {
    use super::*;

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
