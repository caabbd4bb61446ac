//! Cache deception: a personal page asked for under a name that looks like a static file.

use http::request::Parts;
use scrimp_testkit::Reply;
use scrimp_tests::{Fields, Rig, layer, reply};

const STYLES: &str = "path=/**.css ttl=1h";
const ALICE: Fields<'_> = &[("cookie", "session=alice")];
const BEARER: Fields<'_> = &[("authorization", "Bearer alice")];

/// A framework that answers everything below `/account` with the account of whoever asks.
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
async fn a_page_for_a_bearer_token_is_not_stored_even_where_a_rule_gives_a_lifetime() {
    for rules in [&[][..], &[STYLES]] {
        let rig = Rig::new(layer(rules), account);
        let own = rig.ask("GET", "/account/x.css", BEARER).await;
        assert!(!own.is_stored(), "{}", own.header("cache-status"));
        let stranger = rig.get("/account/x.css").await;
        assert!(!stranger.is_hit() && !stranger.text().contains("alice"));
    }
}

#[tokio::test]
async fn a_rule_that_trusts_cookies_still_does_not_store_what_the_origin_calls_private() {
    let rules = ["path=/**.css ttl=1h ignore-cookies"];
    let rig = Rig::new(layer(&rules), |_| {
        reply(200, &[("cache-control", "private")], "alice")
    });
    assert!(!rig.ask("GET", "/account/x.css", ALICE).await.is_stored());
    assert!(!rig.get("/account/x.css").await.is_hit());
}

#[tokio::test]
async fn a_rule_for_static_files_is_not_for_paths_that_upstreams_read_in_two_ways() {
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

#[tokio::test]
async fn a_page_that_sets_a_cookie_is_not_stored_under_any_suffix() {
    let rig = Rig::new(layer(&[STYLES]), |_| {
        reply(200, &[("set-cookie", "session=alice")], "hello")
    });
    rig.get("/account/x.css").await;
    let next = rig.get("/account/x.css").await;
    assert!(!next.is_hit(), "{}", next.header("cache-status"));
}
