//! Fields that identify a caller, and their removal.

use super::*;
use crate::trace_fields::is_trace_field;

fn name(text: &str) -> HeaderName {
    HeaderName::from_bytes(text.as_bytes()).expect("a name")
}

#[test]
fn every_known_field_is_found_in_any_spelling_and_none_traces_a_call() {
    let list = Credentials::default();
    let begun = KNOWN.prefixes().iter().map(|prefix| format!("{prefix}x"));
    for field in KNOWN.names().iter().map(|&name| name.into()).chain(begun) {
        assert!(list.contains(&name(&field)), "{field}");
        assert!(list.contains(&name(&field.replace('-', "_"))), "{field}");
        assert!(!is_trace_field(&name(&field)), "{field}");
    }
}

#[test]
fn fields_that_do_not_identify_a_caller_are_not_credentials() {
    let list = Credentials::default();
    for field in [
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-length",
        "content-type",
        "host",
        "if-none-match",
        "origin",
        "range",
        "referer",
        "traceparent",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-id",
        "x-requested-with",
        "x-customer-tier",
    ] {
        assert!(!list.contains(&name(field)), "{field}");
    }
}

#[test]
fn two_fields_are_of_http_itself() {
    for own in [
        "authorization",
        "Proxy-Authorization",
        "proxy_authorization",
    ] {
        assert!(is_of_http(&name(own)), "{own}");
    }
    for other in ["x-authorization", "cookie", "x-api-key", "www-authenticate"] {
        assert!(!is_of_http(&name(other)), "{other}");
    }
}

#[test]
fn a_custom_list_holds_its_names_and_nothing_else() {
    let long = HeaderName::from_bytes(&[b'x'; 300]).expect("a name");
    let longer = HeaderName::from_bytes(&[b'x'; 301]).expect("a name");
    let list = Credentials::from([header::AUTHORIZATION, long.clone()]);
    assert!(list.contains(&header::AUTHORIZATION) && list.contains(&long));
    for name in [header::ACCEPT, header::IF_NONE_MATCH, longer] {
        assert!(!list.contains(&name), "{name}");
    }
    assert!(!Credentials::none().contains(&header::AUTHORIZATION));
}

#[test]
fn fields_are_added_and_removed() {
    let (key, badge) = (name("x-api-key"), name("x-badge"));
    let list = Credentials::default().with(badge.clone()).without(&key);
    assert!(list.contains(&badge) && list.contains(&name("x_badge")));
    assert!(!list.contains(&key) && !list.contains(&name("x_api_key")));
    assert!(list.excludes(&name("x_api_key")) && !list.excludes(&badge));
    assert!(!Credentials::none().excludes(&key), "left out, not removed");
    let list = list.without(&badge).with(key.clone());
    assert!(!list.contains(&badge) && list.contains(&key));
}

#[test]
fn what_is_stripped_is_every_line_of_the_fields_on_the_list_and_nothing_else() {
    let mut request = HeaderMap::new();
    for field in [
        "x-api-key",
        "x_api_key",
        "authorization",
        "accept",
        "cookie",
    ] {
        request.append(name(field), "1".parse().expect("a value"));
        request.append(name(field), "2".parse().expect("a value"));
    }
    let list = Credentials::default();
    let keeps = |name: &HeaderName| *name == header::COOKIE;
    assert!(list.strip(&mut request, keeps) && !list.strip(&mut request, keeps));
    assert!(request.contains_key("accept") && request.contains_key("cookie"));
    assert_eq!(request.len(), 4);
}

#[test]
fn credentials_are_all_in_a_key_if_each_one_sent_is_in_it() {
    let mut request = HeaderMap::new();
    let list = Credentials::default();
    let key = name("x-api-key");
    assert!(list.are_all_in(&request, &[]));
    request.insert(key.clone(), "1".parse().expect("a value"));
    request.insert(header::COOKIE, "a=b".parse().expect("a value"));
    assert!(list.are_all_in(&request, std::slice::from_ref(&key)));
    request.insert(header::AUTHORIZATION, "2".parse().expect("a value"));
    assert!(!list.are_all_in(&request, &[key]));
}
