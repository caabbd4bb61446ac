//! The fields of a message without its framing.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    connection::{END_TO_END, FRAMING},
    list::members,
    names::Sieve,
    trace_fields::TRACE_FIELDS,
};

/// Returns the fields that a message keeps when it becomes a part of another one: all except those
/// of [`FRAMING`] and those that Connection names (RFC 9110 §7.6.1).
///
/// A field for every recipient is kept even if Connection names it, as
/// [`strip`](crate::connection::strip) keeps it.
pub fn own_fields(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let options = names_options(headers);
    headers
        .iter()
        .filter(move |(name, _)| !(FRAMING.contains(name) || options && is_option(headers, name)))
}

/// Returns the same fields without those that only [trace](crate::trace_fields) the call. Requests
/// that share a call must agree in the fields returned.
pub fn untraced_fields(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    static LISTED: Sieve = FRAMING.sieve().or(TRACE_FIELDS.sieve());
    let options = names_options(headers);
    headers.iter().filter(move |(name, _)| {
        let listed = !is_common(name)
            && LISTED.lets_through(name.as_str())
            && (FRAMING.contains(name) || TRACE_FIELDS.contains(name));
        !(listed || options && is_option(headers, name))
    })
}

/// Reports whether most requests have the field and no list here holds it. The http crate knows it
/// as one byte.
fn is_common(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::ACCEPT
            | header::ACCEPT_ENCODING
            | header::ACCEPT_LANGUAGE
            | header::AUTHORIZATION
            | header::CONTENT_TYPE
            | header::COOKIE
            | header::USER_AGENT
    )
}

/// Removes what [`own_fields`] leaves out.
pub fn strip(headers: &mut HeaderMap) {
    let options = names_options(headers);
    let framing: Vec<_> = headers
        .keys()
        .filter(|name| FRAMING.contains(name) || options && is_option(headers, name))
        .cloned()
        .collect();
    for name in framing {
        headers.remove(name);
    }
}

/// Reports whether Connection may name a field. Most Connection fields only hold `keep-alive` or
/// `close`.
fn names_options(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CONNECTION).iter();
    lines.any(|line| line != "keep-alive" && line != "close")
}

fn is_option(headers: &HeaderMap, name: &HeaderName) -> bool {
    let named = |option: &[u8]| option.eq_ignore_ascii_case(name.as_str().as_bytes());
    members(headers.get_all(header::CONNECTION)).any(named) && !END_TO_END.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn framing_and_fields_that_connection_names_are_left_out_and_all_others_stay() {
        let mut headers = map(&[
            ("host", "a"),
            ("connection", "close, X-Mine"),
            ("connection", "authorization"),
            ("x-mine", "1"),
            ("keep-alive", "5"),
            ("keep_alive", "5"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("authorization", "me"),
            ("x-twice", "1"),
            ("x-twice", "2"),
        ]);
        let kept = map(&[("authorization", "me"), ("x-twice", "1"), ("x-twice", "2")]);
        assert!(own_fields(&headers).eq(kept.iter()));
        strip(&mut headers);
        assert_eq!(headers, kept);
    }

    #[test]
    fn requests_need_not_agree_in_trace_fields() {
        for name in TRACE_FIELDS.names().iter().chain(FRAMING.names()) {
            let headers = map(&[(name, "x"), ("x-kept", "x")]);
            let kept: Vec<_> = untraced_fields(&headers).map(|(name, _)| name).collect();
            assert_eq!(kept, ["x-kept"], "{name}");
        }
    }

    #[test]
    fn common_fields_are_on_no_list() {
        let listed = TRACE_FIELDS.names().iter().chain(FRAMING.names());
        for name in listed {
            assert!(!is_common(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn every_field_of_the_list_is_left_out() {
        for name in FRAMING.names() {
            let headers = map(&[(name, "x"), ("x-kept", "x")]);
            let kept: Vec<_> = own_fields(&headers).map(|(name, _)| name).collect();
            assert_eq!(kept, ["x-kept"], "{name}");
        }
    }
}
