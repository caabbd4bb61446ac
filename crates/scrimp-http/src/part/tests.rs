use http::header::{CACHE_CONTROL, EXPIRES, SET_COOKIE};

use super::*;
use crate::cache_control::{CDN_CACHE_CONTROL, ResponseControl};

fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// Returns a part with these fields, in a whole with those.
fn part(own: &[(&'static str, &str)], whole: &[(&'static str, &str)]) -> HeaderMap {
    let mut part = map(own);
    inherit(&mut part, &map(whole));
    part
}

fn control(own: &str, whole: &str) -> ResponseControl {
    let own: &[_] = match own {
        "" => &[],
        own => &[("cache-control", own)],
    };
    ResponseControl::read(&part(own, &[("cache-control", whole)]))
}

#[test]
fn each_prohibition_of_the_whole_holds_for_a_part_whatever_the_part_permits() {
    for own in [
        "",
        "max-age=60",
        "public, s-maxage=60",
        "must-understand, max-age=9",
    ] {
        let no_store = control(own, "no-store");
        assert!(no_store.no_store && no_store.private && !no_store.must_understand);
        assert!(control(own, "private").private, "{own}");
        assert!(control(own, "no-cache, max-age=60").no_cache, "{own}");
        assert!(control(own, "no-store private").no_store, "{own}");
        let once = control(own, "must-revalidate");
        assert!(once.must_revalidate || once.proxy_revalidate, "{own}");
        let fields = control(own, "private=\"set-cookie, x-user\"");
        assert_eq!(fields.withheld[..2], ["set-cookie", "x-user"], "{own}");
        assert!(!fields.private);
    }
}

#[test]
fn nothing_is_permitted_by_the_whole() {
    let permits = "public, max-age=60, s-maxage=90, must-revalidate, immutable";
    let read = control("", permits);
    assert!(!read.allows_credentials() && !read.immutable);
    assert_eq!(read.shared_lifetime(), None);
    let with_date = [("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let expires = [with_date[0], ("expires", "Sun, 06 Nov 1994 08:59:37 GMT")];
    let part = part(&with_date, &expires);
    assert!(!part.contains_key(EXPIRES) && !part.contains_key(CACHE_CONTROL));
}

#[test]
fn the_shorter_lifetime_counts() {
    let lifetime = |own: &str, whole: &str| {
        let control = control(own, whole);
        control.shared_lifetime().map(|time| time.as_secs())
    };
    assert_eq!(lifetime("max-age=60", "max-age=600"), Some(60));
    assert_eq!(lifetime("max-age=600", "max-age=60"), Some(60));
    assert_eq!(
        lifetime("max-age=600", "max-age=900, s-maxage=60"),
        Some(60)
    );
    assert_eq!(lifetime("s-maxage=600, max-age=5", "max-age=60"), Some(60));
    assert_eq!(lifetime("", "max-age=0"), Some(0));
    assert_eq!(lifetime("max-age=60", "max-age = 9"), Some(0));
    assert_eq!(lifetime("", "max-age 9"), Some(0), "it may have been one");
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for expires in ["0", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let part = part(
            &[("cache-control", "max-age=60")],
            &[date, ("expires", expires)],
        );
        let lifetime = ResponseControl::read(&part).shared_lifetime();
        assert_eq!(lifetime.unwrap().as_secs(), 0, "{expires}");
    }
    let own = [date, ("expires", "Sun, 06 Nov 1994 08:59:37 GMT")];
    let part = part(&own, &[("cache-control", "max-age=9")]);
    assert_eq!(part[CACHE_CONTROL], "max-age=9");
}

#[test]
fn what_applies_to_one_class_of_caches_is_the_stricter_of_both_too() {
    let targets = [CDN_CACHE_CONTROL];
    let read = |own: &[(&'static str, &str)], whole: &[(&'static str, &str)]| {
        ResponseControl::targeted(&part(own, whole), &targets)
    };
    let own = [("cache-control", "max-age=60")];
    let cdn = [("cdn-cache-control", "max-age=60, swr")];
    let one = read(&own, &[("cdn-cache-control", "no-store")]).unwrap();
    assert!(one.no_store);
    let one = read(&cdn, &[("cache-control", "private")]).unwrap();
    assert!(one.private && one.max_age == Some(60));
    let one = read(&own, &[("cdn-cache-control", "max-age=5")]).unwrap();
    assert_eq!(one.max_age, Some(5));
    let whole = [
        ("cdn-cache-control", "max-age=90"),
        ("cache-control", "no-store"),
    ];
    assert_eq!(
        read(&cdn, &whole).unwrap().max_age,
        Some(60),
        "its class may store"
    );
    assert_eq!(read(&own, &[("cdn-cache-control", "max-age=90")]), None);
}

#[test]
fn cookies_of_the_whole_reach_each_part_and_no_other_caller() {
    let cookie = ("set-cookie", "sid=1");
    let own = [
        ("cache-control", "public, max-age=60"),
        ("set-cookie", "a=1"),
    ];
    let one = part(&own, &[cookie, ("set-cookie", "a=1")]);
    let cookies: Vec<_> = one.get_all(SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "sid=1"]);
    assert!(ResponseControl::read(&one).private);
    let one = part(&own, &[cookie, ("cache-control", "public")]);
    assert!(!ResponseControl::read(&one).private, "it is for everyone");
}

#[test]
fn lists_are_added_the_higher_age_counts_and_other_fields_fill_gaps() {
    let whole = [
        ("vary", "origin, accept"),
        ("cache-tag", "all"),
        ("age", "50, 3"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("retry-after", "7"),
        ("ratelimit", "\"a\";r=1"),
        ("x-ratelimit-remaining", "0"),
        ("x-other", "1"),
        ("etag", "\"whole\""),
        ("content-length", "999"),
    ];
    let own = [
        ("vary", "accept-language"),
        ("age", "4"),
        ("retry-after", "60"),
    ];
    let expected = [
        ("vary", "accept-language"),
        ("vary", "origin, accept"),
        ("age", "50"),
        ("retry-after", "60"),
        ("cache-tag", "all"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("ratelimit", "\"a\";r=1"),
        ("x-ratelimit-remaining", "0"),
    ];
    assert_eq!(part(&own, &whole), map(&expected));
    assert_eq!(part(&[("age", "60")], &[("age", "50")])[AGE], "60");
    assert_eq!(part(&[], &[("age", "-5")]), HeaderMap::new());
}

#[test]
fn a_part_without_fields_of_its_own_has_all_but_those_of_the_bytes() {
    let whole = map(&[
        ("content-type", "application/json"),
        ("cache-control", "no-store no-cache, max-age=x"),
        ("cdn-cache-control", "max-age=5"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("expires", "0"),
        ("x-other", "1"),
        ("x-hop", "1"),
        ("connection", "x-hop"),
        ("etag", "\"a\""),
        ("last-modified", "x"),
        ("content-encoding", "gzip"),
        ("content-length", "5"),
    ]);
    let mut part = fields(&whole);
    let mut names: Vec<_> = part.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "cache-control",
        "cdn-cache-control",
        "content-type",
        "expires",
        "set-cookie",
        "x-other",
    ];
    assert_eq!(names, expected);
    let before = part.clone();
    inherit(&mut part, &whole);
    assert_eq!(part, before, "nothing is left to inherit");
}
