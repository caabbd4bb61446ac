//! Cache deception: a personal page requested under the name of a static file.

use http::request::Parts;
use scrimp_testkit::Reply;
use scrimp_tests::{Fields, Rig, layer, reply};

const STYLES: &str = "path=/**.css ttl=1h";
const ALICE: Fields<'_> = &[("cookie", "session=alice")];
const BEARER: Fields<'_> = &[("authorization", "Bearer alice")];

/// Responds like a framework that returns the caller's account for every path below `/account`.
fn account(parts: &Parts) -> Reply {
    let who = |name| parts.headers.get(name).map(|value| value.to_str());
    let who = who("cookie").or(who("authorization"));
    match who {
        Some(who) => reply(200, &[], who.expect("text")),
        None => reply(302, &[("location", "/login")], ""),
    }
}

#[tokio::test]
async fn a_page_for_a_cookie_is_not_stored_under_any_suffix() {
    for rules in [&[][..], &[STYLES]] {
        let rig = Rig::new(layer(rules), account);
        for uri in ["/account/x.css", "/account%2Fx.css", "/account;x.css"] {
            let own = rig.ask("GET", uri, ALICE).await;
            assert_eq!(own.text(), "session=alice");
            assert!(own.header("cache-status").contains("detail=cookie"));
            assert!(!rig.get(uri).await.text().contains("alice"), "{uri}");
        }
    }
}

#[tokio::test]
async fn a_page_for_a_bearer_token_is_not_stored_even_if_a_rule_gives_a_lifetime() {
    for rules in [&[][..], &[STYLES]] {
        let rig = Rig::new(layer(rules), account);
        let own = rig.ask("GET", "/account/x.css", BEARER).await;
        assert!(!own.is_stored(), "{}", own.header("cache-status"));
        let stranger = rig.get("/account/x.css").await;
        assert!(!stranger.is_hit() && !stranger.text().contains("alice"));
    }
}

#[tokio::test]
async fn a_rule_that_trusts_cookies_does_not_store_a_private_response() {
    let rules = ["path=/**.css ttl=1h ignore-cookies"];
    let rig = Rig::new(layer(&rules), |_| {
        reply(200, &[("cache-control", "private")], "alice")
    });
    assert!(!rig.ask("GET", "/account/x.css", ALICE).await.is_stored());
    assert!(!rig.get("/account/x.css").await.is_hit());
}

#[tokio::test]
async fn a_rule_for_static_files_ignores_paths_that_upstreams_read_in_two_ways() {
    for uri in [
        "/account%2Fx.css",
        "/account%3Fx.css",
        "/account%23x.css",
        "/account%00x.css",
        "/account%0ax.css",
        "/account%3bx.css",
        "/account;x.css",
        "/account\\x.css",
        "/static/../account/x.css",
        "/static/..%2faccount/x.css",
        "/static/%2e%2e/account/x.css",
        "/account//x.css",
    ] {
        let Ok(parsed) = uri.parse::<http::Uri>() else {
            continue;
        };
        let rig = Rig::new(layer(&[STYLES]), |_| reply(200, &[], "page"));
        rig.get(&parsed.to_string()).await;
        assert!(!rig.get(uri).await.is_hit(), "{uri}");
    }
}

const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

#[tokio::test]
async fn a_page_is_not_stored_under_a_suffix_that_promises_another_type() {
    for uri in ["/account/x.css", "/account/x.CSS", "/account/a.b.css"] {
        let rules = ["path=/**.css ttl=1h", "path=/**.CSS ttl=1h"];
        let rig = Rig::new(layer(&rules), |_| {
            reply(200, &[HTML], "alice by her address")
        });
        let own = rig.get(uri).await;
        assert!(
            own.header("cache-status").ends_with("detail=content-type"),
            "{uri}"
        );
        assert!(!rig.get(uri).await.is_hit());
    }
    // Heuristics do not store it either: no field permits it explicitly.
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    let rig = Rig::new(layer(&[STYLES]), move |_| reply(200, &[HTML, modified], ""));
    assert!(!rig.get("/account/x.css").await.is_stored());
}

#[tokio::test]
async fn a_response_with_the_type_of_its_suffix_is_stored() {
    for (uri, fields) in [
        ("/x.css", &[("content-type", "text/css")][..]),
        ("/x.css", &[("content-type", "application/octet-stream")]),
        ("/x.css", &[]),
    ] {
        let rig = Rig::new(layer(&[STYLES]), |_| reply(200, fields, ""));
        rig.get(uri).await;
        assert!(rig.get(uri).await.is_hit(), "{fields:?}");
    }
}

#[tokio::test]
async fn an_origin_may_give_a_page_any_name_and_its_own_lifetime_counts() {
    let explicit = ("cache-control", "max-age=60");
    let rig = Rig::new(layer(&[STYLES]), move |_| reply(200, &[HTML, explicit], ""));
    let page = rig.get("/page.css").await;
    assert!(
        !page.header("cache-status").contains("ttl=3"),
        "the rule's hour"
    );
    assert!(rig.get("/page.css").await.is_hit());
}

#[tokio::test]
async fn a_rule_that_overrides_the_origin_or_trusts_cookies_does_not_for_a_page() {
    let rules = ["path=/**.css ttl=1h ignore-cookies override-origin store-set-cookie"];
    for control in ["private, max-age=60", "no-store, max-age=60", "no-cache"] {
        let fields = [HTML, ("cache-control", control)];
        let rig = Rig::new(layer(&rules), move |_| reply(200, &fields, "alice"));
        let own = rig.get("/account/x.css").await;
        assert!(!own.is_stored(), "{control}");
        assert!(!rig.get("/account/x.css").await.is_hit(), "{control}");
    }
    // If the origin forgets `private`, the cookie shows that the page is personal.
    let fields = [HTML, ("cache-control", "max-age=60")];
    let rig = Rig::new(layer(&rules), move |_| reply(200, &fields, "alice"));
    assert!(!rig.ask("GET", "/account/x.css", ALICE).await.is_stored());
    assert!(!rig.get("/account/x.css").await.is_hit());
}

#[tokio::test]
async fn a_rule_without_a_suffix_accepts_any_type() {
    for rule in [
        "path=/** ttl=1h",
        "path=/shop/x.css ttl=1h",
        "path=/**.css content-type=text/* ttl=1h",
    ] {
        let rig = Rig::new(layer(&[rule]), |_| reply(200, &[HTML], ""));
        rig.get("/shop/x.css").await;
        assert!(rig.get("/shop/x.css").await.is_hit(), "{rule}");
    }
}

#[tokio::test]
async fn a_page_that_sets_a_cookie_is_not_stored_under_any_suffix() {
    let rig = Rig::new(layer(&[STYLES]), |_| {
        reply(200, &[("set-cookie", "session=alice")], "hello")
    });
    rig.get("/account/x.css").await;
    let next = rig.get("/account/x.css").await;
    assert!(!next.is_hit(), "{}", next.header("cache-status"));
}
