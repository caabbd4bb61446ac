use super::*;
use http::HeaderValue;

#[test]
fn one_pass_sees_every_field_a_cache_cares_about() {
    let mut headers = HeaderMap::new();
    for name in [
        "authorization",
        "cookie",
        "range",
        "if-none-match",
        "if-match",
        "host",
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
    }
    headers.append("host", HeaderValue::from_static("y"));
    headers.append("cache-control", HeaderValue::from_static("no-cache"));
    headers.append("cache-control", HeaderValue::from_static("max-age=3"));
    let facts = RequestFacts::read(&Method::GET, &headers, &Telling::default());
    assert!(facts.authorization && facts.cookie && facts.range && facts.conditional);
    assert!(facts.precondition && facts.ambiguous_host && facts.control.no_cache);
    assert_eq!(facts.control.max_age, Some(3));
}

#[test]
fn fields_that_tell_another_story_than_the_target_are_seen() {
    let read = |name, value| {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        RequestFacts::read(&Method::GET, &headers, &Telling::default())
    };
    assert!(read("x-forwarded-host", "a").retold && read("forwarded", "host=a").retold);
    assert!(read("x-original-url", "/").overridden);
    let harmless = read("x-forwarded-for", "::1");
    assert!(!harmless.retold && !harmless.overridden);
    let harmless = read("forwarded", "for=\"[::1]\";by=_proxy, for=1");
    assert!(!harmless.retold && !harmless.overridden);
    for host in ["a@b", "a/b", "a,b", "a b", "a\\b", "a?b"] {
        assert!(read("host", host).ambiguous_host, "{host}");
    }
    for host in ["", "a.example:80", "[::1]:8080", "a_b.example."] {
        assert!(!read("host", host).ambiguous_host, "{host}");
    }
}

#[test]
fn an_unknown_method_counts_as_unsafe_and_a_tunnel_changes_nothing() {
    let class = |name: &str| class(&Method::from_bytes(name.as_bytes()).unwrap());
    for name in ["M-SEARCH", "get", "PURGE", "LOCK"] {
        assert_eq!(class(name), MethodClass::Unsafe, "{name}");
    }
    for name in [
        "PROPFIND", "QUERY", "REPORT", "SEARCH", "TRACE", "OPTIONS", "CONNECT",
    ] {
        assert_eq!(class(name), MethodClass::Safe, "{name}");
    }
}

#[test]
fn a_field_decides_the_same_if_it_is_written_with_an_underscore() {
    let read = |name: &str| {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_static("x"));
        RequestFacts::read(&Method::GET, &headers, &Telling::default())
    };
    assert!(read("x_original_url").overridden && read("X_Original_URL").overridden);
    assert!(read("x_forwarded_host").retold);
    assert!(read("x_api_key").authorization && read("x_forwarded_user").authorization);
}

const ALL: [Field; 10] = [
    Field::Age,
    Field::CacheControl,
    Field::ContentLength,
    Field::ContentRange,
    Field::Date,
    Field::ETag,
    Field::Expires,
    Field::LastModified,
    Field::SetCookie,
    Field::Vary,
];

#[test]
fn a_field_is_found_by_its_own_name_and_no_other() {
    for field in ALL {
        let mut headers = HeaderMap::new();
        headers.append(field.name(), HeaderValue::from_static("1"));
        let answer = Answer::read(&headers);
        for other in ALL {
            assert_eq!(answer.has(other), other == field, "{field:?} {other:?}");
        }
        assert!(answer.only(field).is_some());
        headers.append(field.name(), HeaderValue::from_static("1"));
        assert!(Answer::read(&headers).only(field).is_none());
    }
    let mut headers = HeaderMap::new();
    for name in [
        "accept-ranges",
        "content-type",
        "dnt",
        "link",
        "server",
        "via",
        "x",
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(""));
    }
    let answer = Answer::read(&headers);
    assert!(ALL.iter().all(|field| !answer.has(*field)));
}

#[test]
fn the_whole_response_is_that_of_a_plain_get() {
    let mut headers = HeaderMap::new();
    for name in ["range", "if-none-match", "if-match", "authorization"] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
    }
    let facts = RequestFacts::read(&Method::HEAD, &headers, &Telling::default());
    assert!(facts.range && facts.conditional);
    let whole = facts.of_whole();
    assert_eq!(whole.method, MethodClass::Get);
    assert!(!whole.range && !whole.conditional);
    assert!(whole.authorization, "all else stays");
}

#[test]
fn a_field_that_a_response_has_is_never_ruled_out() {
    let mut headers = HeaderMap::new();
    let present = [
        header::CACHE_CONTROL,
        header::CONTENT_TYPE,
        HeaderName::from_static("cdn-cache-control"),
        HeaderName::from_static("x-control"),
    ];
    for name in present.clone() {
        headers.insert(name, HeaderValue::from_static("no-store"));
    }
    let answer = Answer::read(&headers);
    assert!(present.iter().all(|name| answer.may_have(name)));
    assert!(!answer.may_have(&HeaderName::from_static("surrogate-control-of-mine")));
}
