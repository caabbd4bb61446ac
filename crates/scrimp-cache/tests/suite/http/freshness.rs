//! Responses served from the store, and their Age.

use scrimp_testkit::Reply;

use crate::common::{Rig, date, layer, minute, reply, request};

#[tokio::test]
async fn a_fresh_response_is_served_from_store_with_its_age() {
    let rig = Rig::script(layer(), [minute("one")]);
    let miss = rig.get("/a").await;
    assert_eq!(miss.cache_status(), "scrimp; fwd=uri-miss; ttl=60; stored");
    rig.wait(7);
    let hit = rig.get("/a").await;
    assert_eq!((hit.text(), hit.header("age")), ("one", "7"));
    assert_eq!(hit.cache_status(), "scrimp; hit; ttl=53");
    assert_eq!(hit.header("content-length"), "3");
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test]
async fn each_variant_is_stored_and_found_by_what_it_varies_on() {
    let rig = Rig::answering(layer(), |parts| {
        let lang = parts.headers["accept-language"]
            .to_str()
            .expect("ASCII")
            .to_owned();
        let fields = [("cache-control", "max-age=60"), ("vary", "Accept-Language")];
        reply(200, &fields, &lang)
    });
    for lang in ["en", "de"] {
        assert_eq!(
            rig.get_with("/", &[("accept-language", lang)]).await.text(),
            lang
        );
    }
    for lang in ["en", "de", "EN"] {
        let hit = rig.get_with("/", &[("accept-language", lang)]).await;
        assert!(hit.is_hit());
        assert_eq!(hit.text(), lang.to_lowercase());
    }
    let other = rig.get_with("/", &[("accept-language", "fr")]).await;
    assert!(other.cache_status().contains("fwd=vary-miss"));
    assert_eq!(rig.upstream.calls(), 3);
}

#[tokio::test]
async fn only_if_cached_never_reaches_the_upstream() {
    let rig = Rig::script(layer(), [minute("x")]);
    let refused = rig
        .get_with("/", &[("cache-control", "only-if-cached")])
        .await;
    assert_eq!(refused.status.as_u16(), 504);
    assert_eq!(
        refused.cache_status(),
        "scrimp; fwd=uri-miss; detail=only-if-cached"
    );
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert!(
        refused
            .header("proxy-status")
            .contains("details=\"only-if-cached\"")
    );
    rig.get("/").await;
    assert!(
        rig.get_with("/", &[("cache-control", "only-if-cached")])
            .await
            .is_hit()
    );
}

#[tokio::test]
async fn a_failed_upstream_is_stood_in_for_where_the_origin_allows() {
    let sie = [("cache-control", "max-age=1, stale-if-error=60")];
    let replies = [
        reply(200, &sie, "x"),
        reply(503, &[], "down"),
        Reply::error("reset"),
    ];
    let rig = Rig::script(layer(), replies);
    rig.get("/").await;
    rig.wait(2);
    let stale = rig.get("/").await;
    assert_eq!((stale.status.as_u16(), stale.text()), (200, "x"));
    let said = "scrimp; fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error";
    assert_eq!(stale.cache_status(), said);
    assert!(
        rig.get("/")
            .await
            .cache_status()
            .ends_with("detail=unreachable")
    );
}

#[tokio::test]
async fn a_lost_upstream_is_an_error_where_staleness_is_forbidden() {
    let strict = [("cache-control", "max-age=1, must-revalidate")];
    let rig = Rig::script(layer(), [reply(200, &strict, "x"), Reply::error("reset")]);
    rig.get("/").await;
    rig.wait(2);
    assert_eq!(
        rig.send(request("GET", "/", &[]))
            .await
            .unwrap_err()
            .to_string(),
        "reset"
    );
}

#[tokio::test]
async fn age_counts_what_the_response_was_under_way() {
    let yesterday = date(-30);
    let fields = [
        ("cache-control", "max-age=60"),
        ("date", &*yesterday),
        ("age", "20"),
    ];
    let rig = Rig::script(layer(), [reply(200, &fields, "x")]);
    rig.get("/").await;
    let hit = rig.get("/").await;
    assert_eq!((hit.header("age"), hit.header("date")), ("30", &*yesterday));
}
