//! Conditional requests (RFC 9110 §13, RFC 9111 §4.3).

use http::{HeaderMap, header};

use scrimp_http::{date, etag::weak_match, list::members};

use super::freshness::Policy;

/// Returns whether a stored response answers the client's condition with a 304 (§4.3.2).
pub(crate) fn not_modified(request: &HeaderMap, stored: &HeaderMap, policy: &Policy) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        // If-None-Match takes precedence over If-Modified-Since (RFC 9110 §13.2.2).
        return members(request.get_all(header::IF_NONE_MATCH)).any(|candidate| {
            candidate == b"*"
                || policy
                    .etag(stored)
                    .is_some_and(|etag| weak_match(candidate, etag.as_bytes()))
        });
    }
    // §4.3.2: a response without Last-Modified is compared by its Date.
    date::field(request, &header::IF_MODIFIED_SINCE)
        .is_some_and(|since| policy.last_modified.unwrap_or(policy.date) <= since.into())
}

/// Replaces the client's condition by one on the stored response (§4.3.1).
///
/// Returns false if the stored response has no validator. The request then goes out
/// unconditionally, as the client's condition could bring a 304 for which the cache has no body.
pub(crate) fn validate(request: &mut HeaderMap, stored: &HeaderMap, policy: &Policy) -> bool {
    request.remove(header::IF_NONE_MATCH);
    request.remove(header::IF_MODIFIED_SINCE);
    if let Some(etag) = policy.etag(stored) {
        // Without it, the upstream answers in full.
        let _ = request.try_insert(header::IF_NONE_MATCH, etag.clone());
    }
    if policy.last_modified.is_some()
        && let Some(modified) = stored.get(header::LAST_MODIFIED)
    {
        let _ = request.try_insert(header::IF_MODIFIED_SINCE, modified.clone());
    }
    policy.has_validator()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Mode, facts::Answer, freshness::Arrival};
    use http::StatusCode;
    use scrimp_http::cache_control::ResponseControl;
    use std::time::{Duration, SystemTime};
    use tokio::time::Instant;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn policy(stored: &HeaderMap) -> Policy {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let arrival = Arrival {
            now: Instant::now(),
            wall,
            delay: Duration::ZERO,
        };
        let control = ResponseControl::default();
        let answer = Answer::read(stored);
        let (mode, status) = (Mode::Shared, StatusCode::OK);
        Policy::new(mode, status, &answer, &control, false, None, arrival).with_validators(&answer)
    }

    fn answered(request: &[(&'static str, &str)], stored: &[(&'static str, &str)]) -> bool {
        let stored = headers(stored);
        not_modified(&headers(request), &stored, &policy(&stored))
    }

    #[test]
    fn entity_tags_are_compared_weakly_and_in_lists() {
        let stored = [("etag", r#"W/"b""#)];
        assert!(answered(&[("if-none-match", r#""a", "b""#)], &stored));
        assert!(answered(&[("if-none-match", "*")], &stored));
        assert!(!answered(&[("if-none-match", r#""c""#)], &stored));
        assert!(!answered(&[("if-none-match", "b")], &stored));
    }

    #[test]
    fn if_none_match_takes_precedence() {
        let stored = [
            ("etag", r#""b""#),
            ("last-modified", "Sun, 06 Nov 1994 08:00:00 GMT"),
        ];
        let since = ("if-modified-since", "Sun, 06 Nov 1994 08:00:00 GMT");
        assert!(answered(&[since], &stored));
        assert!(!answered(&[since, ("if-none-match", r#""a""#)], &stored));
    }

    #[test]
    fn dates_are_compared_in_any_format_and_a_bad_one_is_ignored() {
        let stored = [("last-modified", "Sun, 06 Nov 1994 08:00:00 GMT")];
        assert!(answered(
            &[("if-modified-since", "Sunday, 06-Nov-94 08:00:00 GMT")],
            &stored
        ));
        assert!(!answered(
            &[("if-modified-since", "Sunday, 06-Nov-94 07:59:59 GMT")],
            &stored
        ));
        assert!(!answered(&[("if-modified-since", "tomorrow")], &stored));
    }

    #[test]
    fn revalidation_carries_the_stored_validators_and_not_the_clients() {
        let stored = headers(&[("etag", r#""new""#)]);
        let mut request = headers(&[("if-none-match", r#""old""#), ("if-modified-since", "x")]);
        assert!(validate(&mut request, &stored, &policy(&stored)));
        assert_eq!(request.get("if-none-match").unwrap(), r#""new""#);
        assert!(!request.contains_key("if-modified-since"));
        assert!(!validate(
            &mut request,
            &headers(&[]),
            &policy(&headers(&[]))
        ));
        assert!(request.is_empty());
    }
}
