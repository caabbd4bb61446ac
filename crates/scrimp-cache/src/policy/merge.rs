//! Updates of a stored response (RFC 9111 §3.2, §4.3.4, §4.3.5).

use http::{HeaderMap, HeaderName, header};

use scrimp_http::{
    body::announced_length,
    connection::{self, is_hop_by_hop},
    representation::describes_body,
};

/// Copies the fields of a new response into the stored ones. Each field sent replaces all stored
/// lines of its name; the other fields stay.
pub(crate) fn update(stored: &mut HeaderMap, fresh: &HeaderMap) {
    let connection: Vec<_> = connection::options(fresh).collect();
    let skip = |name: &HeaderName| {
        describes_body(name) || is_hop_by_hop(name) || connection.contains(name)
    };
    // Age and Date come from the new response or are absent: the stored ones are outdated.
    stored.remove(header::AGE);
    stored.remove(header::DATE);
    for name in fresh.keys().filter(|name| !skip(name)) {
        stored.remove(name);
        for value in fresh.get_all(name) {
            // A response with more names than a map can hold is not stored.
            let _ = stored.try_append(name.clone(), value.clone());
        }
    }
}

/// Removes the fields that must not be stored: connection fields, and those that a qualified
/// `no-cache` or `private` withholds (§3.1, §5.2.2).
pub(crate) fn strip(headers: &mut HeaderMap, withheld: &[HeaderName]) {
    connection::strip(headers);
    for name in withheld {
        headers.remove(name);
    }
}

/// Returns whether the response to a HEAD still describes the stored response (§4.3.5).
pub(crate) fn head_agrees(stored: &HeaderMap, fresh: &HeaderMap, body_length: u64) -> bool {
    let same = |name: &HeaderName| match fresh.get(name) {
        Some(value) => stored.get(name) == Some(value),
        None => true,
    };
    let length =
        !fresh.contains_key(header::CONTENT_LENGTH) || announced_length(fresh) == Some(body_length);
    length && same(&header::ETAG) && same(&header::LAST_MODIFIED)
}

/// Returns whether the response to a HEAD identifies the version of the resource. One that does
/// not may be about another body than the stored one.
pub(crate) fn head_identifies(fresh: &HeaderMap) -> bool {
    fresh.contains_key(header::ETAG) || fresh.contains_key(header::LAST_MODIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn sent_fields_replace_all_lines_and_the_rest_stays() {
        let mut stored = headers(&[("a", "1"), ("a", "2"), ("b", "3"), ("age", "9")]);
        update(&mut stored, &headers(&[("a", "4"), ("c", "5")]));
        assert_eq!(stored, headers(&[("b", "3"), ("a", "4"), ("c", "5")]));
    }

    #[test]
    fn fields_about_the_body_and_the_connection_are_not_taken_over() {
        let before = headers(&[("content-length", "5"), ("etag", "\"a\"")]);
        let mut stored = before.clone();
        let fresh = [
            ("content-length", "9"),
            ("content-encoding", "gzip"),
            ("etag", "\"b\""),
            ("connection", "x-hop"),
            ("x-hop", "1"),
        ];
        update(&mut stored, &headers(&fresh));
        assert_eq!(stored, before);
    }

    #[test]
    fn what_is_stripped_is_what_connection_names_and_the_fields_withheld() {
        let mut stored = headers(&[
            ("connection", "x-hop, cache-control, close"),
            ("x-hop", "1"),
            ("cache-control", "no-store"),
            ("keep-alive", "5"),
            ("set-cookie", "a=b"),
            ("x-stays", "1"),
        ]);
        strip(&mut stored, &[header::SET_COOKIE]);
        assert_eq!(
            stored,
            headers(&[("cache-control", "no-store"), ("x-stays", "1")])
        );
    }
}
