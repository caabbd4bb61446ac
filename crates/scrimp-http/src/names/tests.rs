use http::HeaderValue;
use proptest::prelude::*;

use super::*;

static SOME: FieldNames = FieldNames::new(&["forwarded", "x-host"], &["x-secret-"]);

proptest! {
    #[test]
    fn every_name_of_a_list_passes(
        names in prop::collection::vec("[a-z0-9_-]{0,80}", 0..20),
        prefixes in prop::collection::vec("[a-z][a-z0-9_-]{4,20}", 0..5),
        others in prop::collection::vec("[a-z0-9_-]{0,80}", 0..20),
        rest in "[a-z0-9_-]{0,20}",
    ) {
        let sieve = |names: &[String]| {
            names.iter().fold(Sieve::EMPTY, |sieve, name| sieve.and(name))
        };
        let begun = prefixes.iter().fold(Sieve::EMPTY, |sieve, name| sieve.and_prefix(name));
        let both = sieve(&names).or(&sieve(&others)).or(&begun);
        for name in names.iter().chain(&others) {
            prop_assert!(both.lets_through(name));
            prop_assert!(both.lets_through(&name.replace('-', "_")));
            prop_assert!(both.lets_through(&name.replace('_', "-")));
        }
        for prefix in &prefixes {
            prop_assert!(both.lets_through(&(prefix.clone() + &rest)));
        }
    }
}

#[test]
fn names_and_beginnings_are_found_and_similar_ones_are_not() {
    let contains = |name: &'static str| SOME.contains(&HeaderName::from_static(name));
    for name in ["forwarded", "x-host", "x_host", "x-secret-", "x_secret-a_b"] {
        assert!(contains(name), "{name}");
    }
    for name in [
        "forwardee",
        "x-most",
        "accept",
        "x-secret",
        "y-secret-a",
        "xx-host",
    ] {
        assert!(!contains(name), "{name}");
    }
    assert!(!SOME.sieve().lets_through("accept"));
}

#[test]
fn fields_of_everyday_requests_pass_none_of_the_long_lists() {
    use crate::{credentials::KNOWN, role::DECIDING, target};
    let deciding = DECIDING
        .sieve()
        .or(KNOWN.sieve())
        .or(target::RETELLING.sieve())
        .or(target::OVERRIDING.sieve());
    for name in [
        "traceparent",
        "tracestate",
        "baggage",
        "x-request-id",
        "x-correlation-id",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-sampled",
        "x-forwarded-for",
        "x-real-ip",
        "x-cloud-trace-context",
        "x-envoy-external-address",
        "cf-connecting-ip",
        "cf-ray",
        "cdn-loop",
        "priority",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-fetch-user",
        "sec-ch-ua",
        "sec-ch-ua-mobile",
        "sec-ch-ua-platform",
        "sec-gpc",
        "x-requested-with",
        "uber-trace-id",
        "true-client-ip",
    ] {
        assert!(!deciding.lets_through(name), "{name}");
    }
}

#[test]
fn a_second_line_of_any_field_is_a_repetition() {
    let mut headers = HeaderMap::new();
    for name in ["a", "b"] {
        headers.append(name, HeaderValue::from_static("1"));
        assert!(repeats_none(&headers));
    }
    headers.append("a", HeaderValue::from_static("1"));
    assert!(!repeats_none(&headers));
}

#[test]
fn a_name_with_an_underscore_is_disguised() {
    assert!(is_disguised(&HeaderName::from_static("x_a")));
    assert!(!is_disguised(&HeaderName::from_static("x-a")));
}
