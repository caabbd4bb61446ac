//! HEAD, writes, and GET with a body.

use bytes::Bytes;
use http_body_util::Full;

use crate::common::{Rig, layer, minute, reply, request};

#[tokio::test]
async fn head_and_get_share_one_stored_response() {
    let rig = Rig::script(
        layer(),
        [reply(200, &[("content-length", "3")], ""), minute("one")],
    );
    let head = rig.ask("HEAD", "/a", &[]).await;
    assert_eq!(head.cache_status(), "scrimp; fwd=uri-miss");
    assert_eq!(rig.get("/a").await.text(), "one");
    let head = rig.ask("HEAD", "/a", &[]).await;
    assert!(head.is_hit() && head.body.is_empty());
    assert_eq!(head.header("content-length"), "3");
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test]
async fn a_successful_write_invalidates_and_a_failed_one_does_not() {
    let rig = Rig::answering(layer(), |parts| match (&parts.method, parts.uri.path()) {
        (&http::Method::GET, _) => minute("x"),
        (_, "/broken") => reply(500, &[], ""),
        _ => reply(
            201,
            &[
                ("location", "/made"),
                ("content-location", "http://other/kept"),
            ],
            "",
        ),
    });
    for uri in [
        "http://a/broken",
        "http://a/made",
        "http://a/list",
        "http://other/kept",
    ] {
        rig.get(uri).await;
    }
    rig.ask("POST", "http://a/broken", &[]).await;
    assert!(rig.get("http://a/broken").await.is_hit());
    rig.ask("POST", "http://a/list", &[]).await;
    assert!(!rig.get("http://a/list").await.is_hit());
    assert!(!rig.get("http://a/made").await.is_hit());
    assert!(rig.get("http://other/kept").await.is_hit());
}

#[tokio::test]
async fn a_write_invalidates_what_location_and_content_location_name_on_its_own_origin() {
    for (field, value, own) in [
        ("location", "/named", true),
        ("location", "named", true),
        ("location", "http://a/named", true),
        ("location", "http://A:80/named", true),
        ("location", "/%6eamed", true),
        ("content-location", "/named", true),
        ("content-location", "http://a/named", true),
        ("location", "http://b/named", false),
        ("content-location", "//b/named", false),
        ("location", "http://a:81/named", false),
        ("x-location", "/named", false),
    ] {
        let rig = Rig::answering(layer(), move |parts| match parts.method {
            http::Method::GET => minute("x"),
            _ => reply(204, &[(field, value)], ""),
        });
        for uri in ["http://a/named", "http://a/other"] {
            rig.get(uri).await;
        }
        rig.ask("PUT", "http://a/written", &[]).await;
        let hit = rig.get("http://a/named").await.is_hit();
        assert_eq!(hit, !own, "{field}: {value}");
        assert!(rig.get("http://a/other").await.is_hit(), "{field}: {value}");
    }
}

#[tokio::test]
async fn a_get_with_a_body_is_kept_apart() {
    let rig = Rig::answering(layer(), |_| minute("x"));
    let mut fat = request("GET", "/", &[]);
    *fat.body_mut() = Full::new(Bytes::from_static(b"category=evil"));
    assert_eq!(
        rig.send(fat).await.expect("an answer").cache_status(),
        "scrimp; fwd=bypass; detail=body"
    );
    assert!(!rig.get("/").await.is_hit());
}

#[tokio::test]
async fn a_head_that_disagrees_ends_the_stored_response() {
    let first = [("cache-control", "max-age=10"), ("etag", "\"1\"")];
    let agrees = [
        ("cache-control", "max-age=60"),
        ("etag", "\"1\""),
        ("x-new", "1"),
    ];
    let differs = [("cache-control", "max-age=60"), ("etag", "\"2\"")];
    let replies = [
        reply(200, &first, "x"),
        reply(200, &agrees, ""),
        reply(200, &differs, ""),
        minute("y"),
    ];
    let rig = Rig::script(layer(), replies);
    rig.get("/").await;
    rig.wait(20);
    rig.ask("HEAD", "/", &[]).await;
    let renewed = rig.get("/").await;
    assert!(renewed.is_hit());
    assert_eq!((renewed.text(), renewed.header("x-new")), ("x", "1"));
    rig.wait(61);
    rig.ask("HEAD", "/", &[]).await;
    assert_eq!(rig.get("/").await.text(), "y");
}
