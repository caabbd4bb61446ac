use super::*;
use crate::policy::facts::Telling;
use http::{HeaderMap, Method};

fn verdict(
    mode: Mode,
    request: &[(&'static str, &str)],
    status: u16,
    response: &[(&'static str, &str)],
) -> Result<(), Refusal> {
    let map = |fields: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    };
    let response = map(response);
    let control = ResponseControl::parse(response.get_all(header::CACHE_CONTROL));
    let facts = RequestFacts::read(&Method::GET, &map(request), &Telling::default());
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer::read(&response);
    let pieces = answer.pieces();
    check(
        mode,
        Asking::from(&facts),
        status,
        &answer,
        &control,
        pieces.as_ref(),
        Permissions::default(),
    )
}

fn shared(status: u16, control: &str) -> Result<(), Refusal> {
    verdict(Mode::Shared, &[], status, &[("cache-control", control)])
}

#[test]
fn any_final_status_with_a_lifetime_is_stored() {
    for status in [200, 203, 299, 302, 400, 404, 410, 500, 599] {
        assert_eq!(shared(status, "max-age=1"), Ok(()), "{status}");
    }
    assert_eq!(shared(206, "max-age=1"), Err(Refusal::Partial));
    assert_eq!(shared(304, "max-age=1"), Err(Refusal::Status));
}

#[test]
fn what_rfc_6585_forbids_to_store_is_not_stored() {
    for status in [416, 428, 429, 431, 511] {
        let refused = Err(Refusal::Status);
        assert_eq!(shared(status, "public, s-maxage=1"), refused, "{status}");
    }
}

#[test]
fn must_understand_wins_over_no_store_and_refuses_unknown_codes() {
    assert_eq!(shared(200, "max-age=1, no-store, must-understand"), Ok(()));
    assert_eq!(
        shared(599, "max-age=1, must-understand"),
        Err(Refusal::Status)
    );
    assert_eq!(shared(200, "max-age=1, no-store"), Err(Refusal::NoStore));
}

#[test]
fn credentials_and_cookies_keep_a_response_out_of_a_shared_cache() {
    let auth = [("authorization", "Bearer x")];
    let with = |control| verdict(Mode::Shared, &auth, 200, &[("cache-control", control)]);
    assert_eq!(with("max-age=1"), Err(Refusal::Authorization));
    for control in [
        "max-age=1, public",
        "s-maxage=1",
        "max-age=1, must-revalidate",
    ] {
        assert_eq!(with(control), Ok(()), "{control}");
    }
    let cookie = |mode, control| {
        verdict(
            mode,
            &[],
            200,
            &[("set-cookie", "a=b"), ("cache-control", control)],
        )
    };
    assert_eq!(cookie(Mode::Shared, "max-age=1"), Err(Refusal::SetCookie));
    assert_eq!(cookie(Mode::Shared, "max-age=1, public"), Ok(()));
    assert_eq!(
        cookie(Mode::Shared, r#"max-age=1, no-cache="Set-Cookie""#),
        Ok(())
    );
    assert_eq!(cookie(Mode::Private, "max-age=1"), Ok(()));
}

#[test]
fn private_is_for_private_caches() {
    assert_eq!(shared(200, "private, max-age=1"), Err(Refusal::Private));
    let response = [("cache-control", "private, max-age=1")];
    assert_eq!(verdict(Mode::Private, &[], 200, &response), Ok(()));
}

#[test]
fn without_a_lifetime_a_validator_is_needed() {
    assert_eq!(
        verdict(Mode::Shared, &[], 200, &[]),
        Err(Refusal::NotCacheable)
    );
    assert_eq!(
        verdict(Mode::Shared, &[], 200, &[("etag", "\"a\"")]),
        Ok(())
    );
    assert_eq!(
        verdict(Mode::Shared, &[], 201, &[("etag", "\"a\"")]),
        Err(Refusal::NotCacheable)
    );
}

#[test]
fn a_part_or_another_length_than_stated_is_not_the_whole() {
    let range = [("range", "bytes=0-1")];
    let part = [
        ("cache-control", "max-age=1"),
        ("content-range", "bytes 0-1/9"),
    ];
    assert_eq!(
        verdict(Mode::Shared, &range, 200, &part),
        Err(Refusal::Partial)
    );
    assert_eq!(verdict(Mode::Shared, &[], 200, &part), Ok(()));
    assert_eq!(verdict(Mode::Shared, &range, 200, &part[..1]), Ok(()));
    let lengths = [
        ("cache-control", "max-age=1"),
        ("content-length", "1"),
        ("content-length", "2"),
    ];
    assert_eq!(
        verdict(Mode::Shared, &[], 200, &lengths),
        Err(Refusal::Partial)
    );
    assert_eq!(verdict(Mode::Shared, &[], 200, &lengths[..2]), Ok(()));
}

#[test]
fn a_status_blames_the_request_unless_it_is_about_the_resource_or_the_upstream() {
    let blames = |status: u16| blames_request(StatusCode::from_u16(status).unwrap());
    for status in [400, 403, 405, 414, 431, 499, 501, 505] {
        assert!(blames(status), "{status}");
    }
    for status in [200, 304, 404, 410, 451, 500, 502, 503, 504, 506] {
        assert!(!blames(status), "{status}");
    }
}
