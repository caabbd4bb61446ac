use proptest::prelude::*;

use http::{HeaderMap, HeaderValue, header};

use super::*;

fn response(text: &str) -> ResponseControl {
    ResponseControl::parse(&[HeaderValue::from_str(text).unwrap()])
}

#[test]
fn names_are_read_in_any_case_and_arguments_in_quotes() {
    let control = response(r#"MaX-AgE="60", No-StOrE, PUBLIC"#);
    assert_eq!(control.max_age, Some(60));
    assert!(control.no_store && control.public && !control.malformed);
}

#[test]
fn an_argument_that_is_not_a_number_makes_the_response_stale() {
    for text in ["-1", "1.5", "'60'", "60a", "a60", "", " 60"] {
        assert_eq!(
            response(&format!("max-age={text}")).max_age,
            Some(0),
            "{text}"
        );
    }
    assert_eq!(response("max-age =60").max_age, Some(0));
    assert_eq!(response("max-age=003600").max_age, Some(3600));
    let long = response("max-age=99999999999999999999999").max_age;
    assert_eq!(long, Some(1 << 31));
}

proptest! {
    #[test]
    fn the_fast_path_reads_a_plain_member_as_the_general_path_does(
        name in prop::sample::select(&[
            "public", "private", "no-store", "no-cache", "must-revalidate", "max-age",
            "s-maxage", "immutable", "x",
        ][..]),
        argument in "(=[0-9a\"]{0,12})?",
    ) {
        let member = format!("{name}{argument}");
        let (mut plain, mut any) = (ResponseControl::default(), ResponseControl::default());
        if plain.take_plain(member.as_bytes()) {
            any.take(member.as_bytes());
        }
        prop_assert_eq!(plain, any);
    }
}

#[test]
fn the_shorter_of_two_lifetimes_counts() {
    assert_eq!(response("max-age=1, max-age=1800").max_age, Some(1));
    assert_eq!(response("max-age=1800, max-age=1").max_age, Some(1));
}

#[test]
fn text_in_a_quoted_string_is_not_a_directive() {
    let control = response(r#"extension="max-age=100, no-store", max-age=1"#);
    assert_eq!((control.max_age, control.no_store), (Some(1), false));
    assert_eq!(
        response(r#"x="a\"b, no-store", max-age=2"#).max_age,
        Some(2)
    );
    assert_eq!(response(r#"max-age="\6\0""#).max_age, Some(60));
}

#[test]
fn a_qualified_directive_names_fields_and_a_malformed_one_means_the_whole_response() {
    let control = response(r#"no-cache="Set-Cookie, x-user", private="Age""#);
    assert!(!control.no_cache && !control.private);
    assert_eq!(control.withheld, ["set-cookie", "x-user", "age"]);
    assert!(response(r#"private="a b""#).private);
    assert!(response(r#"no-cache="""#).no_cache);
    // A token names one field too (RFC 9111 §5.2.2.4).
    assert_eq!(response("private=x").withheld, ["x"]);
}

#[test]
fn an_unknown_directive_changes_nothing() {
    for name in [
        "aaaaaa",
        "bbbbbbb",
        "cccccccc",
        "ddddddddd",
        "eeeeeeeeeeeeee",
        "fffffffffffffff",
        "gggggggggggggggg",
        "hhhhhhhhhhhhhhhhhhhhhh",
    ] {
        for text in [name.to_owned(), format!("{name}=60")] {
            assert_eq!(response(&text), ResponseControl::default(), "{text}");
        }
    }
}

#[test]
fn a_malformed_member_forbids_what_it_names_and_rules_out_heuristics() {
    for (text, no_store, private, no_cache) in [
        ("no-store; max-age=60", true, false, false),
        ("private; max-age=60", false, true, false),
        ("no-cache; no-store; must-revalidate", true, false, true),
        ("private;", false, true, false),
        ("max-age=60; private", false, true, false),
        ("max-age=60 no-store", true, false, false),
        ("no-store =x", true, false, false),
        ("\"no-store\"", true, false, false),
        ("public max-age=60", false, false, false),
    ] {
        let control = response(text);
        let read = (control.no_store, control.private, control.no_cache);
        assert_eq!(read, (no_store, private, no_cache), "{text}");
        assert!(control.malformed, "{text}");
    }
    for text in ["'no-store'", "`private`, max-age=60", "*no-cache*=1"] {
        let control = response(text);
        assert!(
            !control.allows_shared_reuse() && !control.malformed,
            "{text}"
        );
    }
    assert!(!response("x-no-store").no_store && !response("x_no-store").no_store);
    assert!(!response("max-age=60, my-private-word").private);
    assert_eq!(response("max-age=60; must-revalidate").max_age, Some(0));
}

#[test]
fn the_limits_of_a_request_are_read() {
    let lines = ["max-stale, MIN-FRESH=5", "max-age=10, stale-if-error=60"];
    let control = RequestControl::parse(&lines.map(HeaderValue::from_static));
    assert_eq!(control.max_stale, Some(u32::MAX));
    assert_eq!(control.min_fresh, Some(5));
    assert_eq!(control.max_age, Some(10));
    assert_eq!(control.stale_if_error, Some(60));
    assert!(control.wants_fresh());
}

#[test]
fn pragma_counts_if_cache_control_is_absent() {
    let read = |fields: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        RequestControl::read(&headers).no_cache
    };
    assert!(read(&[("pragma", "x, No-Cache")]));
    assert!(!read(&[("pragma", "no-cachex")]));
    assert!(!read(&[
        ("pragma", "no-cache"),
        ("cache-control", "max-stale")
    ]));
}

fn targeted(text: &str) -> Option<ResponseControl> {
    let mut headers = HeaderMap::new();
    headers.insert("cdn-cache-control", text.parse().unwrap());
    ResponseControl::targeted(&headers, &[HeaderName::from_static("cdn-cache-control")])
}

#[test]
fn a_targeted_field_is_read_as_a_structured_field() {
    let control = targeted("max-age=60;x=1, must-revalidate").unwrap();
    assert_eq!(control.max_age, Some(60));
    assert!(control.targeted && control.must_revalidate && !control.no_store);
    assert!(!targeted("no-store=?0, max-age=1").unwrap().no_store);
    assert_eq!(targeted("max-age=\"60\"").unwrap().max_age, Some(0));
    assert_eq!(targeted("max-age=-5").unwrap().max_age, Some(0));
    assert_eq!(targeted("max-age").unwrap().max_age, Some(0));
    for text in ["", "max-age=", "Max-Age=60", "max-age=60,", "max-age =60"] {
        assert_eq!(targeted(text), None, "{text}");
    }
}

#[test]
fn expires_is_measured_from_date_and_a_value_that_is_not_a_date_is_past() {
    let read = |date: Option<&str>, expires: Option<&str>| {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::DATE, date), (header::EXPIRES, expires)] {
            value.map(|value| headers.insert(name, value.parse().unwrap()));
        }
        expires_after_date(&headers).map(|time| time.as_secs())
    };
    let date = Some("Thu, 01 Jan 1970 00:00:10 GMT");
    assert_eq!(read(date, Some("Thu, 01 Jan 1970 00:00:40 GMT")), Some(30));
    assert_eq!(read(date, Some("Thu, 01 Jan 1970 00:00:00 GMT")), Some(0));
    assert_eq!(read(date, Some("0")), Some(0));
    assert_eq!(read(date, None), None);
    assert_eq!(read(None, Some("0")), None);
}

proptest! {
    #[test]
    fn no_line_panics_and_no_store_is_never_overlooked(
        before in "[ -~]{0,30}",
        after in "[ -~]{0,30}",
    ) {
        prop_assume!(!before.contains('"'));
        let control = response(&format!("{before}, nO-sToRe ,{after}"));
        prop_assert!(control.no_store);
    }

    #[test]
    fn more_members_never_make_a_response_fresher(
        some in "[ -~]{0,40}",
        more in "[ -~]{0,40}",
    ) {
        prop_assume!(!some.contains('"'));
        let (less, all) = (response(&some), response(&format!("{some},{more}")));
        let life = |control: &ResponseControl| control.max_age.unwrap_or(u32::MAX);
        prop_assert!(life(&all) <= life(&less));
        prop_assert!(all.no_store >= less.no_store && all.private >= less.private);
    }
}
