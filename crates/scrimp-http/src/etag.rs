//! Entity tags (RFC 9110 §8.8.3).

use http::HeaderValue;

/// Compares weakly (§8.8.3.2): the opaque parts count.
#[must_use]
pub fn weak_match(a: &[u8], b: &[u8]) -> bool {
    opaque(a) == opaque(b)
}

/// Compares strongly (§8.8.3.2): both are strong and equal.
#[must_use]
pub fn strong_match(a: &HeaderValue, b: &HeaderValue) -> bool {
    a == b && !a.as_bytes().starts_with(b"W/")
}

/// Reports whether the value is a strong entity tag (§8.8.1).
#[must_use]
pub fn is_strong(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"\"")
}

/// Reports whether the value is an entity tag rather than a date; If-Range holds either.
#[must_use]
pub fn is_entity_tag(value: &HeaderValue) -> bool {
    value.as_bytes().starts_with(b"\"") || value.as_bytes().starts_with(b"W/")
}

/// Reports whether the value is a strong entity tag that every reader of a list takes as one
/// member: without commas, quotes and backslashes inside.
#[must_use]
pub fn is_plain_strong(value: &HeaderValue) -> bool {
    match value.as_bytes() {
        [b'"', inner @ .., b'"'] => !inner.iter().any(|byte| b"\"\\,".contains(byte)),
        _ => false,
    }
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_tags_match_weakly_only() {
        let [strong, weak, other] = ["\"a\"", "W/\"a\"", "\"b\""].map(HeaderValue::from_static);
        assert!(weak_match(strong.as_bytes(), weak.as_bytes()));
        assert!(!weak_match(strong.as_bytes(), other.as_bytes()));
        assert!(strong_match(&strong, &strong));
        assert!(is_strong(&strong) && !is_strong(&weak));
        assert!(!strong_match(&weak, &weak) && !strong_match(&strong, &weak));
    }

    #[test]
    fn a_plain_strong_tag_can_stand_in_a_list() {
        let plain = |text: &'static str| is_plain_strong(&HeaderValue::from_static(text));
        assert!(plain("\"a b\"") && plain("\"\""));
        for text in ["W/\"a\"", "a", "\"a,b\"", "\"a\\b\"", "\"", "\"a\"b\""] {
            assert!(!plain(text), "{text}");
        }
        assert!(is_entity_tag(&HeaderValue::from_static("W/\"a\"")));
        assert!(!is_entity_tag(&HeaderValue::from_static(
            "Sun, 06 Nov 1994"
        )));
    }
}
