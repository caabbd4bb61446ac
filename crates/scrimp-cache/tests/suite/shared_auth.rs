//! Rules with `auth=shared`: a cache behind authentication.

use crate::common;

use common::{Fields, Rig, layer, reply, request};
use scrimp_cache::{Invalidation, Rule};

const ANN: (&str, &str) = ("authorization", "Bearer ann");
const BOB: (&str, &str) = ("authorization", "Bearer bob");
const RULE: &str = "path=/** auth=shared ttl=1m";

/// Returns an upstream that says with each response whether the caller was authorised.
fn rig(rule: &str, status: u16, fields: Fields<'static>) -> Rig {
    Rig::answering(layer().rule(rule), move |parts| {
        let authorised =
            parts.headers.contains_key("authorization") || parts.headers.contains_key("x-api-key");
        reply(status, fields, if authorised { "all" } else { "some" })
    })
}

#[tokio::test]
async fn authorised_callers_share_a_response_only_if_the_rule_says_so() {
    let rig = self::rig("path=/** ttl=1m", 200, &[]);
    for caller in [ANN, BOB, ANN] {
        let answer = rig.get_with("/", &[caller]).await;
        assert_eq!(
            answer.cache_status(),
            "scrimp; fwd=uri-miss; detail=authorization"
        );
    }
    assert_eq!(rig.layer.stats().not_stored.authorization, 3);

    let rig = self::rig(RULE, 200, &[]);
    assert!(!rig.get_with("/", &[ANN]).await.is_hit());
    for caller in [BOB, ANN, ("x-api-key", "carol")] {
        let answer = rig.get_with("/", &[caller]).await;
        assert_eq!((answer.is_hit(), answer.text()), (true, "all"));
    }
    assert_eq!(rig.layer.stats().not_stored.total(), 0);
}

#[tokio::test]
async fn callers_without_credentials_and_authorised_ones_have_responses_of_their_own() {
    let rig = self::rig(RULE, 200, &[]);
    for _ in 0..2 {
        assert_eq!(rig.get_with("/", &[ANN]).await.text(), "all");
        assert_eq!(rig.get("/").await.text(), "some");
    }
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test]
async fn a_response_that_is_for_one_caller_is_not_shared() {
    for (status, fields, reason) in [
        (200, &[("cache-control", "private")][..], "private"),
        (200, &[("cache-control", "no-store")], "no-store"),
        (200, &[("set-cookie", "a=b")], "set-cookie"),
        // It is about the credentials of one caller.
        (401, &[("cache-control", "max-age=60")], "authorization"),
        (403, &[("cache-control", "max-age=60")], "authorization"),
        (407, &[("cache-control", "max-age=60")], "authorization"),
    ] {
        let rig = self::rig(RULE, status, fields);
        for caller in [ANN, BOB] {
            let answer = rig.get_with("/", &[caller]).await;
            let detail = format!("; detail={reason}");
            assert!(
                answer.cache_status().ends_with(&detail),
                "{status} {reason}"
            );
        }
    }
    // What the origin lets a cache share is still shared.
    let rig = self::rig(RULE, 403, &[("cache-control", "public, max-age=60")]);
    rig.get_with("/", &[ANN]).await;
    assert!(rig.get_with("/", &[BOB]).await.is_hit());
}

#[tokio::test]
async fn the_origin_can_keep_callers_apart_by_vary() {
    let rig = self::rig(RULE, 200, &[("vary", "authorization")]);
    for caller in [ANN, BOB] {
        assert!(!rig.get_with("/", &[caller]).await.is_hit());
        assert!(rig.get_with("/", &[caller]).await.is_hit());
    }
}

#[tokio::test]
async fn a_field_in_the_key_keeps_its_values_apart() {
    let rule = "path=/** header=x-tenant-id auth=shared ttl=1m";
    let rig = self::rig(rule, 200, &[]);
    for tenant in ["red", "blue"] {
        let tenant = ("x-tenant-id", tenant);
        assert!(!rig.get_with("/", &[ANN, tenant]).await.is_hit());
        assert!(rig.get_with("/", &[BOB, tenant]).await.is_hit());
    }
}

#[tokio::test]
async fn an_invalidation_and_a_write_reach_the_responses_of_authorised_callers() {
    let rig = self::rig(RULE, 200, &[]);
    let uri = http::Uri::from_static("http://api.example/x");
    for round in 0..4 {
        for caller in [&[ANN][..], &[]] {
            assert!(!rig.get_with("http://api.example/x", caller).await.is_hit());
            assert!(rig.get_with("http://api.example/x", caller).await.is_hit());
        }
        let invalidator = rig.layer.invalidator();
        match round {
            0 => invalidator.invalidate_request(&request("GET", "http://api.example/x", &[])),
            1 => invalidator.invalidate(&Invalidation::uri(uri.clone())),
            _ => drop(rig.ask("DELETE", "http://api.example/x", &[BOB]).await),
        }
    }
}

#[tokio::test]
async fn a_refresh_is_made_with_the_credentials_of_the_caller_that_caused_it() {
    let rule = "path=/** auth=shared";
    let rig = Rig::answering(layer().rule(rule), |parts| {
        let control = "max-age=10, stale-while-revalidate=60";
        let who = parts.headers.get("authorization");
        let who = who.map_or("", |who| who.to_str().expect("text"));
        reply(200, &[("cache-control", control)], who)
    });
    rig.get_with("/", &[ANN]).await;
    rig.wait(20);
    assert_eq!(rig.get_with("/", &[BOB]).await.text(), ANN.1);
    tokio::task::yield_now().await;
    assert_eq!(rig.get_with("/", &[ANN]).await.text(), BOB.1);
    assert_eq!(rig.upstream.calls(), 2);
}

#[test]
fn a_rule_that_shares_and_separates_by_credentials_is_refused_and_the_error_names_both() {
    for name in [
        "authorization",
        "Authorization",
        "proxy-authorization",
        "proxy_authorization",
    ] {
        let rule = format!("path=/** auth=shared header={name} ttl=1m");
        let error = layer().rule(&*rule).build().expect_err("a contradiction");
        let (error, name) = (error.to_string(), name.to_ascii_lowercase());
        assert!(error.contains("`auth=shared`"), "{error}");
        assert!(error.contains(&format!("`header={name}`")), "{error}");
    }
    let built = Rule::builder()
        .header(http::header::AUTHORIZATION)
        .shared_auth()
        .build();
    assert!(built.is_err());
    for rule in [
        "auth=shared header=x-tenant-id",
        "auth=shared header=accept",
    ] {
        assert!(rule.parse::<Rule>().is_ok(), "{rule}");
    }
}
