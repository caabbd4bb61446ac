//! Invalidation: what it hits, when it holds, who may say it.

mod common;

use std::sync::Arc;

use common::{Rig, layer, minute, reply, request};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use scrimp_cache::{CacheLayer, Invalidation, Invalidator, Rule};
use scrimp_core::extensions::Tags;
use scrimp_testkit::{Gate, ScriptedBody};
use tower::ServiceExt;

fn rule(text: &str) -> Rule {
    text.parse().expect("a rule")
}

/// A shop: product pages and list pages, tagged by what they show.
fn shop() -> (Rig, Invalidator) {
    let layer = layer()
        .rule(rule("path=/products/{id} tag=product:{id} ttl=10m"))
        .rule(rule("path=/products query=category,page tag=products:list:{query.category}:{query.page} ttl=10m"));
    let invalidator = layer.invalidator();
    (
        Rig::answering(layer, |parts| reply(200, &[], &parts.uri.to_string())),
        invalidator,
    )
}

const PAGES: [&str; 4] = [
    "/products/42",
    "/products?category=electronics&page=1",
    "/products?category=electronics&page=2",
    "/products?category=books&page=1",
];

/// Which pages are still served from store. Asks without filling what is gone.
async fn kept(rig: &Rig) -> Vec<bool> {
    let mut kept = Vec::new();
    for page in PAGES {
        let answer = rig
            .get_with(page, &[("cache-control", "only-if-cached")])
            .await;
        kept.push(answer.status == StatusCode::OK);
    }
    kept
}

async fn after(invalidation: Invalidation) -> Vec<bool> {
    let (rig, invalidator) = shop();
    for page in PAGES {
        rig.get(page).await;
    }
    invalidator.invalidate(&invalidation);
    kept(&rig).await
}

#[tokio::test]
async fn each_kind_of_invalidation_hits_what_it_names_and_nothing_else() {
    let uri = |text: &str| text.parse().expect("a URI");
    let none = [true; 4];
    assert_eq!(
        after(Invalidation::tag("product:42")).await,
        [false, true, true, true]
    );
    assert_eq!(after(Invalidation::tag("product:4")).await, none);
    let electronics = [true, false, false, true];
    assert_eq!(
        after(Invalidation::prefix("products:list:electronics:")).await,
        electronics
    );
    assert_eq!(
        after(Invalidation::prefix("products:list:elec")).await,
        electronics
    );
    assert_eq!(
        after(Invalidation::glob("products:list:*:1")).await,
        [true, false, true, false]
    );
    assert_eq!(
        after(Invalidation::glob("/products?*page=2")).await,
        [true, true, false, true]
    );
    assert_eq!(
        after(Invalidation::uri(uri("/products/42"))).await,
        [false, true, true, true]
    );
    assert_eq!(
        after(Invalidation::uri_prefix(uri("/products/"))).await,
        [false, true, true, true]
    );
    assert_eq!(after(Invalidation::authority("")).await, [false; 4]);
    assert_eq!(after(Invalidation::authority("example.com")).await, none);
    assert_eq!(after(Invalidation::everything()).await, [false; 4]);
}

#[tokio::test]
async fn a_request_is_invalidated_by_its_own_key() {
    let (rig, invalidator) = shop();
    rig.get(PAGES[1]).await;
    rig.get(PAGES[2]).await;
    let same_key = request("GET", "/products?page=1&utm=x&category=electronics", &[]);
    invalidator.invalidate_request(&same_key);
    assert_eq!(kept(&rig).await, [false, false, true, false]);
}

#[tokio::test]
async fn events_are_followed_until_their_stream_ends() {
    let (rig, invalidator) = shop();
    for page in PAGES {
        rig.get(page).await;
    }
    let events = futures_util::stream::iter([("42", "electronics")]);
    invalidator
        .follow(events, |(id, category)| {
            [
                Invalidation::tag(format!("product:{id}")),
                Invalidation::glob(format!("products:list:{category}:*")),
            ]
        })
        .await;
    assert_eq!(kept(&rig).await, [false, false, false, true]);
}

#[tokio::test]
async fn an_answer_under_way_never_enters_the_store_after_its_tag_moved() {
    let gate = Gate::new();
    let layer = layer().rule(rule("path=/users/{id} tag=user:{id} ttl=5m"));
    let invalidator = layer.invalidator();
    let stats = layer.clone();
    let rig = {
        let gate = gate.clone();
        Rig::answering(layer, move |_| {
            let body = ScriptedBody::new().data("old ").gate(&gate).data("profile");
            scrimp_testkit::Reply::respond(http::Response::new(body))
        })
    };
    let body = rig
        .open(request("GET", "/users/7", &[]))
        .await
        .expect("an answer")
        .into_body();
    invalidator.invalidate(&Invalidation::tag("user:7"));
    gate.open();
    assert_eq!(
        body.collect().await.expect("a body").to_bytes(),
        "old profile"
    );
    assert!(!rig.get("/users/7").await.is_hit());
    assert_eq!((stats.stats().superseded, stats.stats().stored), (1, 1));
}

#[tokio::test]
async fn a_confirmation_under_way_does_not_revive_what_was_invalidated() {
    let gate = Gate::new();
    let fields = [
        ("cache-control", "max-age=1"),
        ("etag", "\"1\""),
        ("cache-tag", "a"),
    ];
    let layer = layer();
    let invalidator = layer.invalidator();
    let replies = [
        reply(200, &fields, "old"),
        reply(304, &fields, "").gate(&gate),
        minute("new"),
    ];
    let rig = Rig::script(layer, replies);
    rig.get("/").await;
    rig.wait(2);
    let ask = rig.get("/");
    let purge = async {
        gate.reached(1).await;
        invalidator.invalidate(&Invalidation::tag("a"));
        gate.open();
    };
    tokio::join!(ask, purge);
    assert_eq!(rig.get("/").await.text(), "new");
}

#[tokio::test]
async fn a_soft_invalidation_revalidates_or_serves_while_refreshing() {
    let validated = [
        ("cache-control", "max-age=60"),
        ("etag", "\"1\""),
        ("cache-tag", "a"),
    ];
    let layer = layer();
    let invalidator = layer.invalidator();
    let rig = Rig::script(
        layer,
        [reply(200, &validated, "x"), reply(304, &validated, "")],
    );
    rig.get("/").await;
    invalidator.invalidate(&Invalidation::tag("a").soft());
    assert!(
        rig.get("/")
            .await
            .cache_status()
            .contains("fwd=stale; fwd-status=304")
    );
    assert!(
        rig.get("/").await.is_hit(),
        "a confirmation is newer than the invalidation"
    );
}

#[tokio::test]
async fn tags_come_from_fields_and_functions_and_requests_and_can_be_stripped() {
    let fields = [
        ("cache-control", "max-age=60"),
        ("cache-tag", "a, b"),
        ("surrogate-key", "c d"),
    ];
    for tag in ["a", "b", "c", "d", "made-of:/", "mine"] {
        let layer = layer()
            .strip_tag_headers()
            .tags_with(|request, _| vec![format!("made-of:{}", request.uri().path())]);
        let invalidator = layer.invalidator();
        let rig = Rig::answering(layer, move |_| reply(200, &fields, "x"));
        let mut tagged = request("GET", "/", &[]);
        tagged
            .extensions_mut()
            .insert(Tags(Arc::from(["mine".into()])));
        let miss = rig.send(tagged).await.expect("an answer");
        let hit = rig.get("/").await;
        for answer in [miss, hit] {
            assert_eq!(
                (answer.header("cache-tag"), answer.header("surrogate-key")),
                ("", "")
            );
        }
        invalidator.invalidate(&Invalidation::tag(tag));
        assert!(!rig.get("/").await.is_hit(), "{tag}");
    }
}

#[tokio::test]
async fn a_confirmed_response_keeps_the_tags_that_a_304_leaves_out() {
    let first = [
        ("cache-control", "max-age=1"),
        ("etag", "\"1\""),
        ("cache-tag", "a"),
    ];
    let renewal = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
    for strip in [false, true] {
        let layer = if strip {
            layer().strip_tag_headers()
        } else {
            layer()
        };
        let invalidator = layer.invalidator();
        let replies = [
            reply(200, &first, "x"),
            reply(304, &renewal, ""),
            minute("y"),
        ];
        let rig = Rig::script(layer, replies);
        rig.get("/").await;
        rig.wait(2);
        rig.get("/").await;
        invalidator.invalidate(&Invalidation::tag("a"));
        assert_eq!(rig.get("/").await.text(), "y");
    }
}

#[tokio::test]
async fn cache_groups_are_invalidated_by_writes_on_their_own_origin() {
    let rig = Rig::answering(layer(), |parts| match parts.method.as_str() {
        "GET" => reply(
            200,
            &[
                ("cache-control", "max-age=60"),
                ("cache-groups", r#""g", "h""#),
            ],
            "",
        ),
        _ => reply(200, &[("cache-group-invalidation", r#""g""#)], ""),
    });
    for uri in ["http://a/1", "http://b/1"] {
        rig.get(uri).await;
    }
    rig.ask("POST", "http://a/other", &[]).await;
    assert!(!rig.get("http://a/1").await.is_hit());
    assert!(rig.get("http://b/1").await.is_hit());
}

#[tokio::test]
async fn versions_outlast_replicas_that_lag() {
    let layer = layer().rule(rule("path=/users/{id} tag=user:{id}@{header.x-rev} ttl=5m"));
    let invalidator = layer.invalidator();
    let replies = ["1", "1", "2"].map(|rev| reply(200, &[("x-rev", rev)], rev));
    let rig = Rig::script(layer, replies);
    rig.get("/users/7").await;
    invalidator.invalidate(&Invalidation::version("user:7", 2));
    assert_eq!(
        rig.get("/users/7").await.text(),
        "1",
        "the replica has not heard yet"
    );
    assert_eq!(
        rig.get("/users/7").await.text(),
        "2",
        "so its answer was not kept"
    );
    assert!(rig.get("/users/7").await.is_hit());
}

#[tokio::test]
async fn a_million_entries_of_a_tag_go_with_one_append() {
    let layer = CacheLayer::new(scrimp_cache::MemoryStore::new(64 << 20));
    let invalidator = layer.invalidator();
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "all")];
    let rig = Rig::answering(layer, move |_| reply(200, &fields, "x"));
    for n in 0..10_000 {
        rig.get(&format!("/{n}")).await;
    }
    invalidator.invalidate(&Invalidation::tag("all"));
    for n in [0, 5_000, 9_999] {
        assert!(!rig.get(&format!("/{n}")).await.is_hit());
    }
}

async fn admin(
    layer: &CacheLayer,
    method: &str,
    uri: &str,
    fields: common::Fields<'_>,
) -> (u16, String) {
    let admin = layer.admin(|parts| {
        parts
            .headers
            .get("x-key")
            .is_some_and(|key| key == "s3cret")
    });
    let mut request: Request<_> = request(method, uri, fields);
    if !fields.iter().any(|(name, _)| *name == "x-key") {
        request
            .headers_mut()
            .insert("x-key", "s3cret".parse().expect("a value"));
    }
    let response = admin.oneshot(request).await.expect("infallible");
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("infallible")
        .to_bytes();
    (status, String::from_utf8(body.into()).expect("JSON"))
}

#[tokio::test]
async fn the_admin_service_purges_for_those_it_is_told_to_trust() {
    let layer = layer();
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "a")];
    let rig = Rig::answering(layer.clone(), move |_| reply(200, &fields, "x"));
    // `Rig` sets the clock, which makes a layer of its own: the store and log are shared.
    let cases: [(&str, &str, common::Fields<'_>); 8] = [
        ("PURGE", "http://h/1", &[]),
        ("PURGE", "/1", &[("host", "h")]),
        ("PURGE", "/", &[("surrogate-key", "z a")]),
        ("POST", "/purge?tag=a", &[]),
        ("POST", "/x/purge?prefix=%2F1", &[]),
        ("POST", "/purge?url=http%3A%2F%2Fh%2F1", &[]),
        ("POST", "/purge?url-prefix=http://h/&soft", &[]),
        ("POST", "/purge?everything", &[]),
    ];
    for (method, uri, fields) in cases {
        rig.get("http://h/1").await;
        assert!(rig.get("http://h/1").await.is_hit());
        let (status, text) = admin(&layer, method, uri, fields).await;
        assert_eq!(
            (status, text.contains("\"ok\"")),
            (200, true),
            "{method} {uri}: {text}"
        );
        assert!(!rig.get("http://h/1").await.is_hit(), "{method} {uri}");
    }
    let refused = admin(&layer, "POST", "/purge?everything", &[("x-key", "guess")]).await;
    assert_eq!(refused.0, 403);
    assert!(rig.get("http://h/1").await.is_hit());
    assert_eq!(admin(&layer, "POST", "/purge", &[]).await.0, 400);
    assert_eq!(admin(&layer, "POST", "/purge?tga=a", &[]).await.0, 400);
    assert_eq!(admin(&layer, "GET", "/elsewhere", &[]).await.0, 404);
    let (status, stats) = admin(&layer, "GET", "/stats", &[]).await;
    assert_eq!(status, 200);
    assert!(
        stats.contains("\"hits\":16") && stats.contains("\"store_entries\":1"),
        "{stats}"
    );
}

#[tokio::test]
async fn a_head_without_validator_does_not_make_fresh_what_was_invalidated_softly() {
    let layer = layer();
    let invalidator = layer.invalidator();
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "t")];
    let rig = Rig::answering(layer, move |_| reply(200, &fields, ""));
    rig.get("http://h/").await;
    invalidator.invalidate(&Invalidation::tag("t").soft());
    rig.ask("HEAD", "http://h/", &[]).await;
    assert!(!rig.get("http://h/").await.is_hit());
}

#[tokio::test]
async fn a_head_without_validator_does_not_give_an_old_body_a_new_version() {
    let layer = layer().rule(rule("path=/users/{id} tag=user:{id}@{header.x-rev} ttl=5m"));
    let invalidator = layer.invalidator();
    let rig = Rig::script(
        layer,
        [
            reply(200, &[("x-rev", "1")], "a"),
            reply(200, &[("x-rev", "2")], ""),
            reply(200, &[("x-rev", "2")], "b"),
        ],
    );
    rig.get("/users/7").await;
    let reload = [("cache-control", "no-cache")];
    rig.ask("HEAD", "/users/7", &reload).await;
    invalidator.invalidate(&Invalidation::version("user:7", 2));
    assert_eq!(rig.get("/users/7").await.text(), "b");
}

#[tokio::test]
async fn the_answer_to_a_write_is_not_kept_past_an_invalidation_by_another_name() {
    let gate = Gate::new();
    let layer = layer();
    let invalidator = layer.invalidator();
    let tagged = [("cache-control", "max-age=60"), ("cache-tag", "a")];
    let written = [tagged[0], tagged[1], ("content-location", "/")];
    let replies = [
        reply(200, &written, "old").gate(&gate),
        reply(200, &tagged, "new"),
    ];
    let rig = Rig::script(layer, replies);
    let mut post = scrimp_testkit::PollCounter::new(rig.ask("POST", "/", &[]));
    assert!(post.poll_now().is_pending());
    invalidator.invalidate(&Invalidation::tag("a"));
    gate.open();
    post.await;
    assert_eq!(rig.get("/").await.text(), "new");
}
