//! Cache-poisoned denial of service: an error caused by one request, served to all.

use http::request::Parts;
use scrimp_testkit::Reply;
use scrimp_tests::{Fields, Rig, layer, reply};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");
const NO_CACHE: (&str, &str) = ("cache-control", "no-cache");

/// Refuses requests with an odd field.
fn picky(status: u16, lifetime: Fields<'static>) -> impl Fn(&Parts) -> Reply {
    move |parts| match parts.headers.contains_key("x-odd") {
        true => reply(status, lifetime, "refused"),
        false => reply(200, &[MINUTE], "page"),
    }
}

async fn is_harmless(rules: &[&str], status: u16, odd: &str) {
    let rig = Rig::new(layer(rules), picky(status, &[]));
    let refused = rig.ask("GET", "/", &[("x-odd", odd)]).await;
    assert_eq!(refused.status.as_u16(), status);
    assert!(!refused.is_stored(), "{status} under {rules:?}");
    assert_eq!(rig.get("/").await.text(), "page", "{status}");
}

#[tokio::test]
async fn a_refusal_of_an_oversized_field_is_not_stored() {
    for status in [400, 413, 414, 431] {
        is_harmless(&[], status, &"x".repeat(16 << 10)).await;
        is_harmless(&["path=/** ttl=1h"], status, &"x".repeat(16 << 10)).await;
    }
}

#[tokio::test]
async fn a_refusal_of_meta_characters_is_not_stored() {
    for odd in ["\u{7f}é", "\t", "\\n", "${jndi}", "../../x"] {
        let Ok(value) = http::HeaderValue::from_bytes(odd.as_bytes()) else {
            continue;
        };
        let odd = String::from_utf8_lossy(value.as_bytes()).into_owned();
        is_harmless(&["path=/** ttl=1h"], 400, &odd).await;
    }
}

#[tokio::test]
async fn a_refusal_of_a_caller_or_of_a_method_is_not_stored() {
    for status in [
        401, 403, 405, 406, 407, 408, 412, 415, 417, 421, 422, 429, 501,
    ] {
        is_harmless(&["path=/** ttl=1h"], status, "1").await;
    }
}

/// RFC 9111 §3: a lifetime that the origin gives such a response counts.
#[tokio::test]
async fn a_refusal_is_stored_if_the_origin_gives_it_a_lifetime() {
    let rig = Rig::new(layer(&[]), picky(400, &[MINUTE]));
    rig.ask("GET", "/", &[("x-odd", "1")]).await;
    assert_eq!(rig.get("/").await.text(), "refused");
}

#[tokio::test]
async fn a_method_override_does_not_replace_a_page_by_a_404() {
    for (name, status) in [
        ("x-http-method-override", 404),
        ("x-method-override", 405),
        ("x-http-method", 404),
    ] {
        let rig = Rig::new(layer(&[]), move |parts| {
            match parts.headers.contains_key(name) {
                true => reply(status, &[MINUTE], ""),
                false => reply(200, &[MINUTE], "page"),
            }
        });
        let override_: Fields<'_> = &[(name, "DELETE")];
        rig.ask("GET", "/", override_).await;
        assert_eq!(rig.get("/").await.text(), "page", "{name}");
    }
}

#[tokio::test]
async fn a_provoked_failure_does_not_replace_a_fresh_page() {
    for status in [400, 431, 405, 500, 501, 502, 503, 504] {
        let rig = Rig::new(layer(&[]), picky(status, &[MINUTE]));
        rig.get("/").await;
        rig.ask("GET", "/", &[("x-odd", "1"), NO_CACHE]).await;
        let page = rig.get("/").await;
        assert_eq!(page.text(), "page", "{status}");
    }
}
