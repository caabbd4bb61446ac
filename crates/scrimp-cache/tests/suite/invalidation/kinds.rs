//! The responses that each kind of invalidation hits.

use std::time::Duration;

use http::StatusCode;
use scrimp_cache::{CacheLayer, Invalidation, Invalidator};
use scrimp_core::extensions::{CacheInfo, CacheState};

use crate::{
    common::{Rig, layer, reply, request},
    invalidation::rule,
};

/// Returns a shop: product pages and list pages, tagged by their contents.
fn shop() -> (Rig, Invalidator) {
    let layer = layer()
        .rule(rule("path=/products/{id} tag=product:{id} ttl=10m"))
        .rule(rule("path=/products query=category,page tag=products:list:{query.category}:{query.page} ttl=10m"));
    let rig = Rig::answering(layer, |parts| reply(200, &[], &parts.uri.to_string()));
    let invalidator = rig.layer.invalidator();
    (rig, invalidator)
}

const PAGES: [&str; 4] = [
    "/products/42",
    "/products?category=electronics&page=1",
    "/products?category=electronics&page=2",
    "/products?category=books&page=1",
];

/// Returns which pages are still served from the store. It does not refill missing ones.
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
async fn a_soft_invalidation_revalidates_or_serves_while_refreshing() {
    let validated = [
        ("cache-control", "max-age=60"),
        ("etag", "\"1\""),
        ("cache-tag", "a"),
    ];
    let layer = layer();
    let rig = Rig::script(
        layer,
        [reply(200, &validated, "x"), reply(304, &validated, "")],
    );
    let invalidator = rig.layer.invalidator();
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
async fn what_is_served_after_a_soft_invalidation_is_stale_to_outer_layers_and_in_the_counts() {
    let fields = [
        ("cache-control", "max-age=60, stale-while-revalidate=60"),
        ("cache-tag", "a"),
    ];
    let rig = Rig::answering(layer().explain(true), move |_| reply(200, &fields, "x"));
    rig.get("/").await;
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::tag("a").soft());
    let answer = rig.get("/").await;
    assert_eq!(answer.cache_status(), "scrimp; hit; ttl=0");
    let info = answer.extensions.get::<CacheInfo>().expect("a verdict");
    assert_eq!(info.state, CacheState::Stale);
    assert_eq!(info.expires_in, Some(Duration::ZERO));
    assert_eq!((rig.layer.stats().hits, rig.layer.stats().stale), (0, 1));
}

#[tokio::test]
async fn versions_outlast_replicas_that_lag() {
    let layer = layer().rule(rule("path=/users/{id} tag=user:{id}@{header.x-rev} ttl=5m"));
    let replies = ["1", "1", "2"].map(|rev| reply(200, &[("x-rev", rev)], rev));
    let rig = Rig::script(layer, replies);
    let invalidator = rig.layer.invalidator();
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
    let layer = CacheLayer::builder(scrimp_cache::MemoryStore::new(64 << 20));
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "all")];
    let rig = Rig::answering(layer, move |_| reply(200, &fields, "x"));
    let invalidator = rig.layer.invalidator();
    for n in 0..10_000 {
        rig.get(&format!("/{n}")).await;
    }
    invalidator.invalidate(&Invalidation::tag("all"));
    for n in [0, 5_000, 9_999] {
        assert!(!rig.get(&format!("/{n}")).await.is_hit());
    }
}
