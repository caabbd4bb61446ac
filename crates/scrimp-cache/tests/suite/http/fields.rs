//! Header fields and trailers that are stored, removed and added.

use bytes::Bytes;
use http::{HeaderMap, Response};
use scrimp_core::extensions::{CacheInfo, CacheState, Directive, Explain, Shared, SharedAnswer};
use scrimp_testkit::{Reply, ScriptedBody};

use crate::common::{Rig, date, layer, minute, reply, request};

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
    // Otherwise an HTTP/1.1 server would not send them.
    let hit = rig.get("/").await;
    assert_eq!(
        (hit.header("trailer"), hit.header("content-length")),
        ("x-sum", "")
    );
    let part = rig.ask("GET", "/", &[("range", "bytes=0-0")]).await;
    assert_eq!((part.header("trailer"), part.trailers.as_ref()), ("", None));
}

#[tokio::test]
async fn trailers_are_announced_once_however_often_they_are_confirmed() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "9".parse().expect("a value"));
    let body = ScriptedBody::new().data("x").trailers(trailers);
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert("cache-control", "max-age=0".parse().expect("a value"));
    headers.insert("etag", "\"1\"".parse().expect("a value"));
    let known = || {
        reply(
            304,
            &[("cache-control", "max-age=0"), ("etag", "\"1\"")],
            "",
        )
    };
    let rig = Rig::script(layer(), [Reply::respond(response), known(), known()]);
    rig.get("/").await;
    for _ in 0..2 {
        let answer = rig.get("/").await;
        let announced: Vec<_> = answer.headers.get_all("trailer").iter().collect();
        assert_eq!(answer.text(), "x");
        assert_eq!(announced, ["x-sum"]);
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

/// A response that another collector stores.
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

#[tokio::test]
async fn a_targeted_field_stands_in_the_place_of_expires_too() {
    let expires = date(60);
    for (targeted, stored) in [("must-revalidate", false), ("max-age=5", true)] {
        let fields = [("cdn-cache-control", targeted), ("expires", &*expires)];
        // No cache stores a 418 without a lifetime.
        let rig = Rig::script(layer(), [reply(418, &fields, "")]);
        let said = rig.get("/").await;
        assert_eq!(
            said.cache_status().ends_with("; stored"),
            stored,
            "{targeted}"
        );
    }
}
