//! Responses to requests with credentials.

use crate::common;

use common::{Fields, Rig, layer, minute, reply};
use http::{HeaderName, HeaderValue};
use scrimp_cache::{CacheLayerBuilder, Credentials, Mode};
use scrimp_http::credentials::KNOWN;

const KEY: (&str, &str) = ("x-api-key", "alice");

/// Returns an upstream that answers each holder of a key with a separate page.
fn rig(layer: CacheLayerBuilder, control: &'static str) -> Rig {
    Rig::answering(layer, move |parts| {
        let who = parts
            .headers
            .get(KEY.0)
            .or(parts.headers.get("authorization"));
        let who = who.map_or("nobody", |who| who.to_str().expect("text"));
        reply(200, &[("cache-control", control)], who)
    })
}

async fn leaks(rig: &Rig, fields: Fields<'_>) -> bool {
    rig.get_with("/", fields).await;
    rig.get("/").await.text() != "nobody"
}

/// Iterates over every known credential field except cookies, which rules decide about.
fn known() -> impl Iterator<Item = HeaderName> {
    let whole = KNOWN.names().iter().map(|&name| name.to_owned());
    let begun = KNOWN.prefixes().iter().map(|prefix| format!("{prefix}x"));
    let names = whole.chain(begun).filter(|name| name != "cookie");
    names.map(|name| HeaderName::try_from(name).expect("a name"))
}

fn asking(
    name: &HeaderName,
    value: &'static str,
) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = common::request("GET", "/", &[]);
    request
        .headers_mut()
        .insert(name.clone(), HeaderValue::from_static(value));
    request
}

#[tokio::test]
async fn callers_that_differ_in_a_credential_never_share_an_answer() {
    for name in known() {
        // A rule's TTL does not decide which callers get the response.
        for rule in [None, Some("path=/** ttl=1h")] {
            let layer = rule.into_iter().fold(layer(), CacheLayerBuilder::rule);
            let rig = Rig::answering(layer, |_| {
                reply(200, &[("cache-control", "max-age=60")], "x")
            });
            for value in ["alice", "bob"] {
                let answer = rig.send(asking(&name, value)).await.expect("an answer");
                assert!(
                    answer.cache_status().ends_with("detail=authorization"),
                    "{name}"
                );
            }
            assert!(!rig.get("/").await.is_hit(), "{name}");
            // A request with a credential does not get a response stored for others.
            assert!(rig.get("/").await.is_hit(), "{name}");
            let answer = rig.send(asking(&name, "carol")).await.expect("an answer");
            assert!(!answer.is_hit(), "{name}");
            assert!(
                rig.get("/").await.is_hit(),
                "{name}: and it replaces nothing"
            );
        }
    }
}

#[tokio::test]
async fn the_operator_can_say_that_a_field_changes_no_answer() {
    let name = HeaderName::from_static("x-tenant-id");
    let layer = layer().credentials(Credentials::default().without(&name));
    let rig = rig(layer, "max-age=60");
    rig.send(asking(&name, "a")).await.expect("an answer");
    assert!(
        rig.send(asking(&name, "b"))
            .await
            .expect("an answer")
            .is_hit()
    );
}

#[tokio::test]
async fn an_origin_can_say_that_an_answer_is_for_everybody() {
    for control in [
        "public, max-age=60",
        "s-maxage=60",
        "max-age=60, must-revalidate",
    ] {
        assert!(leaks(&rig(layer(), control), &[KEY]).await, "{control}");
    }
}

#[tokio::test]
async fn what_counts_as_credentials_can_be_set() {
    let name = HeaderName::from_static("x-session");
    let own = || layer().credentials([name.clone()]);
    assert!(
        leaks(&rig(own(), "max-age=60"), &[KEY]).await,
        "not any more"
    );
    let rig = rig(own(), "max-age=60");
    let answer = rig.get_with("/", &[("x-session", "1")]).await;
    assert!(answer.cache_status().ends_with("detail=authorization"));
}

#[tokio::test]
async fn cookies_are_personal_unless_the_origin_is_trusted_with_them() {
    let answers = |parts: &http::request::Parts| match parts.uri.path() {
        "/sets" => {
            let fields = [("cache-control", "max-age=60"), ("set-cookie", "a=b")];
            reply(200, &fields, "x")
        }
        _ => minute("x"),
    };
    for trusted in [false, true] {
        let builder = match trusted {
            true => layer().trust_origin_with_cookies(),
            false => layer(),
        };
        let rig = Rig::answering(builder, answers);
        for (uri, fields) in [("/", &[("cookie", "me")][..]), ("/sets", &[])] {
            rig.get_with(uri, fields).await;
            assert_eq!(rig.get_with(uri, fields).await.is_hit(), trusted, "{uri}");
        }
    }
}

#[tokio::test]
async fn a_key_that_was_never_stored_is_stored_again_if_only_a_cookie_is_against_it() {
    // The first answer is private, so that the cache no longer tries; then each sets a cookie.
    let fields: [&[(&'static str, &str)]; 2] = [
        &[("cache-control", "private")],
        &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
    ];
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let rig = Rig::answering(layer().trust_origin_with_cookies(), move |_| {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        reply(200, fields[call.min(1)], "x")
    });
    for _ in 0..3 {
        assert!(!rig.get("/").await.is_hit());
    }
    assert!(rig.get("/").await.is_hit());
}

#[tokio::test]
async fn a_private_cache_stores_them() {
    let rig = rig(layer().mode(Mode::Private), "max-age=60");
    rig.get_with("/", &[KEY]).await;
    assert!(rig.get_with("/", &[KEY]).await.is_hit());
}

#[tokio::test]
async fn with_all_credentials_in_the_key_each_holder_has_answers_of_their_own() {
    let rule = "path=/** header=x-api-key";
    let rig = rig(layer().rule(rule), "max-age=60");
    let both = [KEY, ("authorization", "bob")];
    for fields in [&[KEY][..], &[("x-api-key", "carol")]] {
        assert!(!rig.get_with("/", fields).await.is_hit());
        let again = rig.get_with("/", fields).await;
        assert_eq!((again.is_hit(), again.text()), (true, fields[0].1));
    }
    // One credential is not in the key: its response would be given to others.
    let rig = self::rig(layer().rule("path=/** header=x-api-key"), "max-age=60");
    for _ in 0..2 {
        assert!(!rig.get_with("/", &both).await.is_hit());
    }
}
