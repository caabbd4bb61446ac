//! The count of each reason for not storing a response.

use crate::common;

use common::{Fields, Rig, layer, minute, reply, request};
use http_body_util::BodyExt;
use scrimp_cache::{CacheLayer, CacheLayerBuilder, CacheStats, MemoryStore, Store};
use scrimp_testkit::{Reply, ScriptedBody};

/// A reason in Cache-Status, its count, and a request and a response with that reason.
struct Case {
    reason: &'static str,
    count: fn(&CacheStats) -> u64,
    rule: &'static str,
    request: Fields<'static>,
    reply: (u16, Fields<'static>),
}

const fn case(
    reason: &'static str,
    count: fn(&CacheStats) -> u64,
    request: Fields<'static>,
    reply: (u16, Fields<'static>),
) -> Case {
    Case {
        reason,
        count,
        rule: "",
        request,
        reply,
    }
}

const FRESH: Fields<'static> = &[("cache-control", "max-age=60")];

fn cases() -> Vec<Case> {
    vec![
        case(
            "no-store",
            |s| s.not_stored.no_store,
            &[],
            (200, &[("cache-control", "no-store")]),
        ),
        case(
            "no-store",
            |s| s.not_stored.no_store,
            &[("cache-control", "no-store")],
            (200, FRESH),
        ),
        case(
            "no-cache",
            |s| s.not_stored.no_cache,
            &[],
            (200, &[("cache-control", "no-cache, max-age=60")]),
        ),
        case(
            "private",
            |s| s.not_stored.private,
            &[],
            (200, &[("cache-control", "private")]),
        ),
        case(
            "authorization",
            |s| s.not_stored.authorization,
            &[("authorization", "x")],
            (200, FRESH),
        ),
        case(
            "set-cookie",
            |s| s.not_stored.set_cookie,
            &[],
            (
                200,
                &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
            ),
        ),
        case(
            "vary-star",
            |s| s.not_stored.vary_star,
            &[],
            (200, &[("cache-control", "max-age=60"), ("vary", "*")]),
        ),
        case("status", |s| s.not_stored.status, &[], (429, FRESH)),
        case("no-lifetime", |s| s.not_stored.no_lifetime, &[], (200, &[])),
        case(
            "partial",
            |s| s.not_stored.partial,
            &[("range", "bytes=0-1")],
            (206, FRESH),
        ),
        case(
            "cookie",
            |s| s.not_stored.cookie,
            &[("cookie", "a=b")],
            (200, FRESH),
        ),
        case(
            "precondition",
            |s| s.not_stored.precondition,
            &[("if-match", "\"1\"")],
            (200, FRESH),
        ),
        case(
            "host",
            |s| s.not_stored.host,
            &[("host", "a"), ("host", "b")],
            (200, FRESH),
        ),
        case(
            "override",
            |s| s.not_stored.overridden,
            &[("x-http-method-override", "PUT")],
            (200, FRESH),
        ),
        case("body", |s| s.not_stored.body, &[], (200, FRESH)),
        Case {
            rule: "path=/** bypass",
            ..case("rule", |s| s.not_stored.rule, &[], (200, FRESH))
        },
        Case {
            rule: "path=/** ttl=5m",
            ..case(
                "no-cache",
                |s| s.not_stored.no_cache,
                &[],
                (200, &[("cache-control", "no-cache")]),
            )
        },
        Case {
            rule: "path=/** max-body=2",
            ..case("too-large", |s| s.not_stored.too_large, &[], (200, FRESH))
        },
        Case {
            rule: "path=/**.css ttl=1m",
            ..case(
                "content-type",
                |s| s.not_stored.content_type,
                &[],
                (200, &[("content-type", "text/html")]),
            )
        },
    ]
}

fn ruled(rule: &str) -> CacheLayerBuilder {
    if rule.is_empty() {
        layer()
    } else {
        layer().rule(rule)
    }
}

#[tokio::test]
async fn each_reason_is_the_detail_in_cache_status_and_has_a_count() {
    for case in cases() {
        let (status, fields) = case.reply;
        let rig = Rig::answering(ruled(case.rule), move |_| reply(status, fields, "page"));
        for asked in 1..=3 {
            let mut request = request("GET", "/a.css", case.request);
            if case.reason == "body" {
                *request.body_mut() = "query".into();
            }
            let answer = rig.send(request).await.expect("an answer");
            let detail = format!("; detail={}", case.reason);
            assert!(
                answer.cache_status().ends_with(&detail),
                "{}: {}",
                case.reason,
                answer.cache_status()
            );
            let stats = rig.layer.stats();
            assert_eq!((case.count)(&stats), asked, "{}", case.reason);
            let counts = stats.not_stored.iter().filter(|(_, count)| *count > 0);
            assert_eq!(counts.collect::<Vec<_>>(), [(case.reason, asked)]);
            assert_eq!(stats.not_stored.total(), asked);
        }
        assert_eq!(rig.layer.stats().stored, 0, "{}", case.reason);
    }
}

#[tokio::test]
async fn what_is_stored_or_has_no_response_has_no_reason() {
    let rig = Rig::script(
        layer(),
        [minute("a"), Reply::error("down"), reply(200, FRESH, "")],
    );
    rig.get("/").await;
    assert!(rig.get("/").await.is_hit());
    assert!(rig.send(request("GET", "/b", &[])).await.is_err());
    rig.ask("HEAD", "/b", &[]).await;
    rig.ask("GET", "/c", &[("cache-control", "only-if-cached")])
        .await;
    assert_eq!(rig.layer.stats().not_stored.total(), 0);
}

#[tokio::test]
async fn a_body_that_is_not_kept_to_its_end_has_a_reason_too() {
    // It is announced as longer than it is; its reader leaves; it outgrows the limit; it outgrows
    // the memory of all bodies in progress.
    let body = || ScriptedBody::new().data("0123456789").data("0123456789");
    let respond = |body| {
        let response = http::Response::builder().header("cache-control", "max-age=60");
        Reply::respond(response.body(body).expect("a response"))
    };
    let rig = Rig::answering(layer(), move |_| respond(body()));
    let mut left = rig
        .open(request("GET", "/", &[]))
        .await
        .expect("a head")
        .into_body();
    left.frame().await.expect("a frame").expect("data");
    drop(left);
    let stats = rig.layer.stats();
    assert_eq!(
        (stats.not_stored.incomplete, stats.not_stored.total()),
        (1, 1)
    );

    let rig = Rig::answering(layer().rule("path=/** max-body=15"), move |_| {
        respond(body())
    });
    rig.get("/").await;
    let stats = rig.layer.stats();
    assert_eq!(
        (stats.not_stored.too_large, stats.not_stored.total()),
        (1, 1)
    );

    let (store, layer) = (MemoryStore::new(1 << 20), CacheLayer::builder);
    let mut others = store.budget().hold();
    assert!(others.grow_to(store.budget().limit()));
    let rig = Rig::answering(layer(store), move |_| respond(body()));
    rig.get("/").await;
    let stats = rig.layer.stats();
    assert_eq!(
        (stats.not_stored.no_memory, stats.not_stored.total()),
        (1, 1)
    );
}

#[tokio::test]
async fn too_many_tags_are_a_reason_and_no_lack_of_room() {
    let tags: Vec<String> = (0..300).map(|tag| format!("t{tag}")).collect();
    let tags: &'static str = tags.join(",").leak();
    let rig = Rig::answering(layer(), move |_| {
        reply(
            200,
            &[("cache-control", "max-age=60"), ("cache-tag", tags)],
            "page",
        )
    });
    rig.get("/").await;
    let stats = rig.layer.stats();
    assert_eq!((stats.not_stored.too_many_tags, stats.store_full), (1, 0));
}
