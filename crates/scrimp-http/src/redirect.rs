//! Requests that follow a redirect (RFC 9110 §15.4).

use http::{HeaderMap, Method, StatusCode, header};

use crate::{connection::remove_listed, names::FieldNames};

/// Fields about the content of a request. A request that follows a redirect without the content
/// must not have them (§15.4).
static CONTENT: FieldNames = FieldNames::new(
    &[
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "digest",
        "expect",
        "last-modified",
        "repr-digest",
        "trailer",
        "transfer-encoding",
    ],
    &[],
);

/// Returns the method of the request that follows a redirect, or `None` if the status does not
/// redirect.
///
/// 307 and 308 keep the method. After 303 the method is GET, unless it was HEAD. After 301 and 302
/// POST becomes GET, as in every browser (§15.4.2), and other methods stay. 300 leaves the choice
/// to the user, and 304 is no redirect.
#[must_use]
pub fn next_method(status: StatusCode, method: &Method) -> Option<Method> {
    Some(match status {
        StatusCode::SEE_OTHER if method != Method::HEAD => Method::GET,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if method == Method::POST => Method::GET,
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => method.clone(),
        _ => return None,
    })
}

/// Returns the reference in Location, which is relative to the URI of the request (§10.2.2).
#[must_use]
pub fn location(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::LOCATION)?.to_str().ok()
}

/// Removes the fields about the content of a request, which is sent without it.
pub fn remove_content_fields(headers: &mut HeaderMap) {
    remove_listed(headers, &CONTENT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_method_follows_the_status() {
        let custom = Method::from_bytes(b"PURGE").expect("a method");
        for (status, method, next) in [
            (301, Method::GET, Some(Method::GET)),
            (301, Method::POST, Some(Method::GET)),
            (302, Method::POST, Some(Method::GET)),
            (302, Method::PUT, Some(Method::PUT)),
            (303, Method::POST, Some(Method::GET)),
            (303, Method::PUT, Some(Method::GET)),
            (303, Method::HEAD, Some(Method::HEAD)),
            (307, Method::POST, Some(Method::POST)),
            (308, custom.clone(), Some(custom)),
            (200, Method::GET, None),
            (300, Method::GET, None),
            (304, Method::GET, None),
            (305, Method::GET, None),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(next_method(status, &method), next, "{status} {method}");
        }
    }

    #[test]
    fn fields_about_the_content_go_with_it() {
        let mut headers = HeaderMap::new();
        for name in ["content-type", "content_length", "accept", "x-content"] {
            headers.insert(name, "1".parse().expect("a value"));
        }
        remove_content_fields(&mut headers);
        let mut left: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-content"]);
    }

    #[test]
    fn a_location_that_is_not_text_is_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(location(&headers), None);
        headers.insert(
            "location",
            http::HeaderValue::from_bytes(b"/\xff").expect("a value"),
        );
        assert_eq!(location(&headers), None);
        headers.insert("location", "../a".parse().expect("a value"));
        assert_eq!(location(&headers), Some("../a"));
    }
}
