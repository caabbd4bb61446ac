//! Conditions: the cache's own, and those of clients.

use crate::common::{Rig, date, layer, minute, reply};

#[tokio::test]
async fn a_304_renews_what_is_stored_and_updates_its_fields() {
    let first = [
        ("cache-control", "max-age=10"),
        ("etag", "\"v\""),
        ("x-a", "1"),
        ("x-b", "1"),
    ];
    let renewal = [
        ("cache-control", "max-age=100"),
        ("etag", "\"v\""),
        ("x-a", "2"),
    ];
    let rig = Rig::script(
        layer(),
        [reply(200, &first, "body"), reply(304, &renewal, "")],
    );
    rig.get("/").await;
    rig.wait(11);
    let renewed = rig.get("/").await;
    assert_eq!((renewed.status.as_u16(), renewed.text()), (200, "body"));
    assert_eq!((renewed.header("x-a"), renewed.header("x-b")), ("2", "1"));
    assert_eq!(
        renewed.cache_status(),
        "scrimp; fwd=stale; fwd-status=304; ttl=100; stored"
    );
    assert_eq!(rig.upstream.requests()[1].headers["if-none-match"], "\"v\"");
    rig.wait(99);
    assert!(rig.get("/").await.is_hit());
}

#[tokio::test]
async fn a_changed_response_replaces_the_stored_one() {
    let first = [("cache-control", "max-age=1"), ("etag", "\"1\"")];
    let rig = Rig::script(layer(), [reply(200, &first, "old"), minute("new")]);
    rig.get("/").await;
    rig.wait(2);
    assert_eq!(rig.get("/").await.text(), "new");
    assert_eq!(rig.get("/").await.text(), "new");
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test]
async fn a_clients_condition_is_answered_from_store() {
    let modified = date(-3600);
    let fields = [
        ("cache-control", "max-age=60"),
        ("etag", "\"v\""),
        ("last-modified", &*modified),
    ];
    let rig = Rig::script(layer(), [reply(200, &fields, "body")]);
    rig.get("/").await;
    for condition in [
        ("if-none-match", "\"x\", W/\"v\""),
        ("if-modified-since", &*modified),
    ] {
        let answer = rig.get_with("/", &[condition]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (304, ""),
            "{condition:?}"
        );
        assert_eq!(answer.header("etag"), "\"v\"");
        assert_eq!(answer.header("content-length"), "");
    }
    assert_eq!(
        rig.get_with("/", &[("if-none-match", "\"x\"")])
            .await
            .text(),
        "body"
    );
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test]
async fn a_clients_condition_is_answered_after_a_revalidation_too() {
    let fields = [("cache-control", "max-age=1"), ("etag", "\"v\"")];
    let rig = Rig::script(
        layer(),
        [reply(200, &fields, "body"), reply(304, &fields, "")],
    );
    rig.get("/").await;
    rig.wait(2);
    let answer = rig.get_with("/", &[("if-none-match", "\"v\"")]).await;
    assert_eq!(answer.status.as_u16(), 304);
}

#[tokio::test]
async fn a_condition_on_what_is_not_stored_goes_upstream_and_its_304_comes_back() {
    let rig = Rig::script(layer(), [reply(304, &[("etag", "\"v\"")], "")]);
    let answer = rig.get_with("/", &[("if-none-match", "\"v\"")]).await;
    assert_eq!(answer.status.as_u16(), 304);
    assert_eq!(rig.upstream.requests()[0].headers["if-none-match"], "\"v\"");
}
