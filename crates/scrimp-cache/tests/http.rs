//! What HTTP clients and upstreams see (RFC 9111, RFC 9211).

mod common;

use bytes::Bytes;
use common::{Rig, date, layer, minute, reply, request};
use http::{HeaderMap, Response};
use http_body_util::Full;
use scrimp_cache::Mode;
use scrimp_core::extensions::{CacheInfo, CacheState, Directive, Explain};
use scrimp_core::extensions::{Shared, SharedAnswer};
use scrimp_testkit::{Reply, ScriptedBody};

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

#[tokio::test]
async fn ranges_are_cut_from_a_complete_response() {
    let fields = [
        ("cache-control", "max-age=60"),
        ("etag", "\"v\""),
        ("content-type", "a/b"),
    ];
    let rig = Rig::script(layer(), [reply(200, &fields, "0123456789")]);
    rig.get("/").await;
    let one = rig.get_with("/", &[("range", "bytes=2-4")]).await;
    assert_eq!((one.status.as_u16(), one.text()), (206, "234"));
    assert_eq!(one.header("content-range"), "bytes 2-4/10");
    assert_eq!(one.header("content-length"), "3");
    let two = rig.get_with("/", &[("range", "bytes=0-0,-1")]).await;
    assert!(
        two.header("content-type")
            .starts_with("multipart/byteranges; boundary=")
    );
    let boundary = two
        .header("content-type")
        .split('=')
        .next_back()
        .expect("a boundary");
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: a/b\r\nContent-Range: bytes 0-0/10\r\n\r\n0\
         \r\n--{boundary}\r\nContent-Type: a/b\r\nContent-Range: bytes 9-9/10\r\n\r\n9\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(two.text(), expected);
    assert_eq!(two.header("content-length"), expected.len().to_string());
    let none = rig.get_with("/", &[("range", "bytes=10-")]).await;
    assert_eq!(
        (none.status.as_u16(), none.header("content-range")),
        (416, "bytes */10")
    );
    let outdated = [("range", "bytes=2-4"), ("if-range", "\"old\"")];
    assert_eq!(rig.get_with("/", &outdated).await.text(), "0123456789");
    let current = [("range", "bytes=2-4"), ("if-range", "\"v\"")];
    assert_eq!(rig.get_with("/", &current).await.text(), "234");
    assert_eq!(rig.upstream.calls(), 1);
}

#[tokio::test]
async fn a_partial_response_is_never_stored_as_a_whole_one() {
    let part = [
        ("cache-control", "max-age=60"),
        ("content-range", "bytes 0-0/2"),
    ];
    let rig = Rig::script(layer(), [reply(206, &part, "a"), minute("ab")]);
    assert_eq!(
        rig.get_with("/", &[("range", "bytes=0-0")])
            .await
            .status
            .as_u16(),
        206
    );
    assert_eq!(rig.get("/").await.text(), "ab");
}

#[tokio::test]
async fn nobody_gets_an_answer_made_for_somebodys_credentials() {
    let rig = Rig::answering(layer(), |parts| {
        let who = parts
            .headers
            .get("authorization")
            .or(parts.headers.get("cookie"));
        let who = who
            .map_or("nobody", |who| who.to_str().expect("ASCII"))
            .to_owned();
        minute(&who)
    });
    for fields in [[("authorization", "alice")], [("cookie", "alice")]] {
        assert_eq!(rig.get_with("/", &fields).await.text(), "alice");
        assert_eq!(
            rig.get_with("/", &[(fields[0].0, "bob")]).await.text(),
            "bob"
        );
    }
    assert_eq!(rig.get("/").await.text(), "nobody");
    let bypass = rig.get_with("/", &[("cookie", "alice")]).await;
    assert_eq!(
        (bypass.text(), bypass.cache_status()),
        ("alice", "scrimp; fwd=bypass; detail=cookie")
    );
}

#[tokio::test]
async fn a_session_is_not_handed_around() {
    let fields = [("cache-control", "max-age=60"), ("set-cookie", "session=1")];
    let rig = Rig::answering(layer(), move |_| reply(200, &fields, "x"));
    assert!(
        rig.get("/")
            .await
            .cache_status()
            .ends_with("detail=set-cookie")
    );
    assert!(!rig.get("/").await.is_hit());
}

#[tokio::test]
async fn a_private_cache_keeps_what_is_private_and_a_shared_one_does_not() {
    for (mode, calls) in [(Mode::Private, 1), (Mode::Shared, 2)] {
        let private = [("cache-control", "private, max-age=60")];
        let rig = Rig::answering(layer().mode(mode), move |_| reply(200, &private, "x"));
        rig.get("/").await;
        rig.get("/").await;
        assert_eq!(rig.upstream.calls(), calls, "{mode:?}");
    }
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

#[tokio::test]
async fn what_caches_behind_have_said_is_kept() {
    let fields = [
        ("cache-control", "max-age=60"),
        ("cache-status", "Origin; hit"),
    ];
    let rig = Rig::script(layer().name("edge 1"), [reply(200, &fields, "x")]);
    rig.get("/").await;
    let hit = rig.get("/").await;
    assert_eq!(hit.cache_status(), "Origin; hit, \"edge 1\"; hit; ttl=60");
}

#[tokio::test]
async fn connection_fields_are_not_stored() {
    let fields = [
        ("cache-control", "max-age=60"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("x-end", "2"),
    ];
    let rig = Rig::script(layer(), [reply(200, &fields, "x")]);
    rig.get("/").await;
    let hit = rig.get("/").await;
    for name in ["connection", "x-hop", "keep-alive"] {
        assert_eq!(hit.header(name), "", "{name}");
    }
    assert_eq!(hit.header("x-end"), "2");
}

#[tokio::test]
async fn trailers_are_stored_with_their_response() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "9".parse().expect("a value"));
    let body = ScriptedBody::new().data("x").trailers(trailers.clone());
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert("cache-control", "max-age=60".parse().expect("a value"));
    let rig = Rig::script(layer(), [Reply::respond(response)]);
    for _ in 0..2 {
        assert_eq!(rig.get("/").await.trailers.as_ref(), Some(&trailers));
    }
}

#[tokio::test]
async fn a_targeted_field_replaces_cache_control_and_is_passed_on() {
    let fields = [
        ("cache-control", "no-store"),
        ("cdn-cache-control", "max-age=60"),
    ];
    let rig = Rig::script(layer(), [reply(200, &fields, "x")]);
    assert_eq!(rig.get("/").await.header("cdn-cache-control"), "max-age=60");
    assert!(rig.get("/").await.is_hit());
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
async fn layers_outside_learn_what_the_cache_did_if_they_ask() {
    let rig = Rig::answering(layer(), |_| minute("x"));
    let explained = || {
        let mut request = request("GET", "/", &[]);
        request.extensions_mut().insert(Explain);
        request
    };
    assert!(rig.get("/other").await.extensions.is_empty());
    let miss = rig.send(explained()).await.expect("an answer");
    let info = miss.extensions.get::<CacheInfo>().expect("a verdict");
    assert_eq!((info.state, info.stored), (CacheState::Miss, true));
    rig.wait(10);
    let hit = rig.send(explained()).await.expect("an answer");
    let info = hit.extensions.get::<CacheInfo>().expect("a verdict");
    assert_eq!(info.state, CacheState::Hit);
    assert_eq!(info.age.map(|age| age.as_secs()), Some(10));
    assert_eq!(info.expires_in.map(|left| left.as_secs()), Some(50));
    let mut again = explained();
    again.extensions_mut().insert(Directive::RefreshNow);
    rig.send(again).await.expect("an answer");
    assert_eq!(rig.get("/").await.header("age"), "0");
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

/// An answer that somebody else keeps.
struct Elsewhere;

impl SharedAnswer for Elsewhere {
    fn keep(&self) -> bool {
        false
    }
    fn commit(&self) -> bool {
        false
    }
    fn is_committed(&self) -> bool {
        true
    }
    fn chunks(&self) -> Option<Vec<Bytes>> {
        None
    }
}

#[tokio::test]
async fn a_call_that_was_shared_is_said_to_be_collapsed() {
    let rig = Rig::answering(layer(), |_| {
        let mut response = Response::new(ScriptedBody::new().data("x"));
        response
            .extensions_mut()
            .insert(Shared::new(std::sync::Arc::new(Elsewhere), true));
        Reply::respond(response)
    });
    let said = "scrimp; fwd=uri-miss; collapsed; detail=no-lifetime";
    assert_eq!(rig.get("/").await.cache_status(), said);
}
