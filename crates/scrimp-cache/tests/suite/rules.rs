//! The effects of operators' rules.

use crate::common;

use std::{sync::Arc, time::Duration};

use common::{Rig, layer, minute, reply, request};
use scrimp_cache::Rule;
use scrimp_core::{
    Ledger, Money,
    extensions::{Charge, Tenant},
};

fn rule(text: &str) -> Rule {
    text.parse().expect("a rule")
}

#[tokio::test]
async fn the_smart_key_is_path_and_chosen_parameters_and_tier() {
    let rule = rule("path=/api/products query=category,page header=x-customer-tier ttl=5m");
    let rig = Rig::answering(layer().rule(rule), |parts| {
        reply(200, &[], &parts.uri.to_string())
    });
    let gold = [("x-customer-tier", "gold")];
    rig.get_with("/api/products?category=books&page=1", &gold)
        .await;
    let same = rig
        .get_with("/api/products?page=1&utm_source=mail&category=books", &gold)
        .await;
    assert!(same.is_hit());
    let tier = [("x-customer-tier", "basic")];
    assert!(
        !rig.get_with("/api/products?category=books&page=1", &tier)
            .await
            .is_hit()
    );
    assert!(
        !rig.get_with("/api/products?category=books&page=2", &gold)
            .await
            .is_hit()
    );
}

#[tokio::test]
async fn a_ttl_can_be_a_function_of_request_and_response() {
    let by_category = Rule::builder()
        .path("/api/products")
        .ttl_with(|request, response| {
            let minutes = match request.uri().query() {
                _ if response.headers().contains_key("x-sale") => 1,
                Some("category=electronics") => 2,
                Some("category=books") => 30,
                _ => 10,
            };
            Some(Duration::from_secs(minutes * 60))
        })
        .build()
        .expect("a rule");
    let rig = Rig::answering(layer().rule(by_category), |parts| {
        let sale: &[_] = if parts.uri.query() == Some("category=toys") {
            &[("x-sale", "1")]
        } else {
            &[]
        };
        reply(200, sale, "x")
    });
    let cases = [
        ("electronics", 120),
        ("books", 1800),
        ("garden", 600),
        ("toys", 60),
    ];
    for (category, seconds) in cases {
        let uri = format!("/api/products?category={category}");
        let expected = format!("scrimp; fwd=uri-miss; ttl={seconds}; stored");
        assert_eq!(rig.get(&uri).await.cache_status(), expected);
    }
    rig.wait(119);
    assert!(rig.get("/api/products?category=electronics").await.is_hit());
    rig.wait(1);
    assert!(!rig.get("/api/products?category=electronics").await.is_hit());
    assert!(rig.get("/api/products?category=books").await.is_hit());
}

#[tokio::test]
async fn conditions_choose_the_first_rule_that_matches() {
    let layer = layer()
        .rule(rule("path=/private/** bypass"))
        .rule(rule("content-type=image/* ttl=1h"))
        .rule(rule("host=*.slow.example ttl=10m"))
        .rule(rule("if-header=x-beta bypass"))
        .rule(rule("status=503 ttl=5s"))
        .rule(rule("path=/** ttl=1m"));
    let rig = Rig::answering(layer, |parts| match parts.uri.path() {
        "/logo" => reply(200, &[("content-type", "image/png; q=1")], "x"),
        "/down" => reply(503, &[], "x"),
        "/failed" => reply(500, &[], "x"),
        _ => reply(200, &[], "x"),
    });
    let ttl = async |uri: &str| rig.get(uri).await.cache_status().to_owned();
    assert_eq!(ttl("/private/a").await, "scrimp; fwd=bypass; detail=rule");
    assert!(ttl("/logo").await.contains("ttl=3600"));
    assert!(ttl("http://a.slow.example/b").await.contains("ttl=600"));
    assert!(ttl("/b").await.contains("ttl=60;"));
    assert!(ttl("/down").await.contains("ttl=5;"));
    assert!(ttl("/failed").await.ends_with("detail=no-lifetime"));
    let beta = rig.get_with("/b", &[("x-beta", "1")]).await;
    assert_eq!(beta.cache_status(), "scrimp; fwd=bypass; detail=rule");
}

#[tokio::test]
async fn a_ttl_overrides_lifetimes_and_not_prohibitions_unless_told_to() {
    let origin = [("cache-control", "no-store, max-age=1")];
    let answer = move |_: &_| reply(200, &origin, "x");
    let rig = Rig::answering(layer().rule(rule("path=/** ttl=1m")), answer);
    assert!(
        rig.get("/")
            .await
            .cache_status()
            .ends_with("detail=no-store")
    );
    let rig = Rig::answering(
        layer().rule(rule("path=/** ttl=1m override-origin")),
        answer,
    );
    assert!(rig.get("/").await.cache_status().contains("ttl=60"));
}

#[tokio::test]
async fn cookies_can_be_ignored_or_be_part_of_the_key() {
    let answer = |parts: &http::request::Parts| {
        let cookie = parts
            .headers
            .get("cookie")
            .map_or("", |c| c.to_str().expect("ASCII"));
        minute(cookie)
    };
    let rig = Rig::answering(layer().rule(rule("path=/** ignore-cookies")), answer);
    rig.get_with("/", &[("cookie", "a=1")]).await;
    assert!(rig.get_with("/", &[("cookie", "a=2")]).await.is_hit());
    let rig = Rig::answering(layer().rule(rule("path=/** cookie=plan")), answer);
    rig.get_with("/", &[("cookie", "a=1; plan=x")]).await;
    assert!(
        rig.get_with("/", &[("cookie", "plan=x; a=2")])
            .await
            .is_hit()
    );
    assert!(!rig.get_with("/", &[("cookie", "plan=y")]).await.is_hit());
}

#[tokio::test]
async fn credentials_in_the_key_give_each_holder_answers_of_their_own() {
    let rig = Rig::answering(
        layer().rule(rule("path=/** header=authorization")),
        |parts| minute(parts.headers["authorization"].to_str().expect("ASCII")),
    );
    for who in ["alice", "bob", "alice", "bob"] {
        assert_eq!(
            rig.get_with("/", &[("authorization", who)]).await.text(),
            who
        );
    }
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test]
async fn the_ledger_shows_per_tenant_and_route_what_was_paid_and_what_was_saved() {
    let ledger = Ledger::new();
    let price: Money = "0.01".parse().expect("money");
    let layer = layer()
        .ledger(ledger.clone())
        .price(price)
        .rule(rule("name=products path=/products/* ttl=1m"));
    let rig = Rig::answering(layer, |_| reply(200, &[], "x"));
    let ask = async |tenant: &str, uri: &str| {
        let mut request = request("GET", uri, &[]);
        request.extensions_mut().insert(Tenant(Arc::from(tenant)));
        rig.send(request).await.expect("an answer")
    };
    for (tenant, times) in [("acme", 3), ("zeta", 1)] {
        for _ in 0..times {
            ask(tenant, "/products/1").await;
        }
    }
    rig.ask("POST", "/products/1", &[]).await;
    let lines: Vec<_> = ledger
        .lines()
        .iter()
        .map(|line| {
            let name = format!("{}/{}", line.tenant, line.route);
            (
                name,
                line.calls_made,
                line.spent.to_string(),
                line.calls_avoided,
                line.saved.to_string(),
            )
        })
        .collect();
    let line = |name: &str, made, spent: &str, avoided, saved: &str| {
        (
            name.to_owned(),
            made,
            spent.to_owned(),
            avoided,
            saved.to_owned(),
        )
    };
    assert_eq!(
        lines,
        [
            line("/(pass)", 1, "$0.01", 0, "$0.00"),
            line("acme/products", 1, "$0.01", 2, "$0.02"),
            line("zeta/products", 1, "$0.01", 0, "$0.00"),
        ]
    );
}

#[tokio::test]
async fn a_call_is_booked_at_what_the_upstream_charged() {
    let ledger = Ledger::new();
    let charge: Money = "0.25 EUR".parse().expect("money");
    let rig = Rig::answering(layer().ledger(ledger.clone()), move |_| {
        let mut response = http::Response::new(scrimp_testkit::ScriptedBody::new().data("x"));
        response
            .headers_mut()
            .insert("cache-control", "max-age=9".parse().expect("a value"));
        response.extensions_mut().insert(Charge(charge));
        scrimp_testkit::Reply::respond(response)
    });
    for _ in 0..3 {
        rig.get("/").await;
    }
    let line = &ledger.lines()[0];
    assert_eq!(
        (line.spent.to_string(), line.saved.to_string()),
        ("0.25 EUR".into(), "0.50 EUR".into())
    );
}
