//! Content codings (RFC 9110 §8.4, §12.5.3).

use http::{HeaderMap, HeaderValue, header};

use crate::list::{members, weight, with_parameters};

/// Largest number of codings of a response that are compared with a request.
const MOST: usize = 8;

/// Returns the content codings of a message, in the order in which they were applied.
/// `identity` is left out: it changes nothing.
pub fn codings(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    members(headers.get_all(header::CONTENT_ENCODING))
        .filter(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

/// Reports whether the body is in a content coding, so that its bytes are not those of its media
/// type.
#[must_use]
pub fn is_coded(headers: &HeaderMap) -> bool {
    codings(headers).next().is_some()
}

/// Makes a request ask for a body without a content coding (RFC 9110 §12.5.3), for a layer that reads
/// the body of the response. A map that has no room for the field stays as it is.
pub fn ask_for_identity(request: &mut HeaderMap) {
    let identity = HeaderValue::from_static("identity");
    let _ = request.try_insert(header::ACCEPT_ENCODING, identity);
}

/// Reports whether a request names a coding in Accept-Encoding, without a weight of 0.
#[must_use]
pub fn accepts(request: &HeaderMap, coding: &[u8]) -> bool {
    members(request.get_all(header::ACCEPT_ENCODING)).any(|member| {
        let (name, mut parameters) = with_parameters(member);
        name.eq_ignore_ascii_case(coding)
            && parameters.all(|one| weight(one).is_some_and(|w| w > 0))
    })
}

/// Reports whether a request names every coding that a response is in. A response in more than
/// eight codings is never accepted: the time would grow with the product of both fields.
#[must_use]
pub fn accepts_all(request: &HeaderMap, response: &HeaderMap) -> bool {
    let mut applied = codings(response);
    let mut first = applied.by_ref().take(MOST);
    first.all(|coding| accepts(request, coding)) && applied.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_request_without_room_for_a_field_stays_as_it_is() {
        let mut full = HeaderMap::new();
        let value = HeaderValue::from_static("x");
        let mut names = (0..).map(|n| http::HeaderName::try_from(format!("x-{n}")));
        while let Some(Ok(name)) = names.next()
            && full.try_insert(name, value.clone()).is_ok()
        {}
        let before = full.len();
        ask_for_identity(&mut full);
        assert_eq!(full.len(), before);
    }

    #[test]
    fn identity_is_not_a_coding() {
        assert!(!is_coded(&HeaderMap::new()));
        assert!(!is_coded(&map("content-encoding", "Identity")));
        assert!(is_coded(&map("content-encoding", "identity, br")));
    }

    #[test]
    fn a_coding_is_accepted_if_it_is_named_with_a_weight_above_0() {
        let accepts = |text: &str| {
            accepts_all(
                &map("accept-encoding", text),
                &map("content-encoding", "gzip"),
            )
        };
        assert!(accepts("br, GZIP") && accepts("gzip;q=0.5"));
        for text in ["br", "gzip;q=0", "gzip;q=0.000", "*", "gzip;q=x", ""] {
            assert!(!accepts(text), "{text}");
        }
        assert!(accepts_all(&HeaderMap::new(), &HeaderMap::new()));
    }

    #[test]
    fn a_response_in_more_than_eight_codings_is_not_accepted() {
        let accepts = |count: usize| {
            accepts_all(
                &map("accept-encoding", "br"),
                &map("content-encoding", &vec!["br"; count].join(", ")),
            )
        };
        assert!(accepts(8) && !accepts(9) && !accepts(800));
    }
}
