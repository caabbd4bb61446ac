//! Requests that are private by a function of the operator.

use crate::common;

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use common::{Answer, Rig, layer, reply, request};
use futures_util::FutureExt;
use http::{HeaderMap, Request};
use http_body_util::Full;
use scrimp_cache::CacheLayerBuilder;
use scrimp_testkit::Reply;

/// A handle on a session, as a session layer outside would hand it to the handlers.
#[derive(Clone, Default)]
struct Session(Arc<AtomicBool>);

fn by_session(extensions: &http::Extensions, _: &HeaderMap) -> bool {
    let session = extensions.get::<Session>();
    session.is_some_and(|session| session.0.load(Relaxed))
}

/// Returns a request with a session that has begun, or not yet.
fn visit(method: &str, begun: bool, fields: common::Fields<'_>) -> Request<Full<Bytes>> {
    let mut request = request(method, "http://shop.example/", fields);
    let session = Session::default();
    session.0.store(begun, Relaxed);
    request.extensions_mut().insert(session);
    request
}

/// Returns an upstream that begins a session if a request has the field `x-begin`.
fn rig(layer: CacheLayerBuilder, page: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Rig {
    Rig::answering(layer, move |parts| {
        let session = parts.extensions.get::<Session>().expect("a session");
        if parts.headers.contains_key("x-begin") {
            session.0.store(true, Relaxed);
        }
        page(if session.0.load(Relaxed) {
            "mine"
        } else {
            "all"
        })
    })
}

fn page(text: &str) -> Reply {
    reply(200, &[("cache-control", "max-age=60")], text)
}

async fn send(rig: &Rig, request: Request<Full<Bytes>>) -> Answer {
    rig.send(request).await.expect("an answer")
}

const BEGIN: common::Fields<'static> = &[("x-begin", "1")];

#[tokio::test]
async fn without_the_function_one_visitors_page_goes_to_the_next() {
    let rig = self::rig(layer(), page);
    send(&rig, visit("GET", false, BEGIN)).await;
    assert_eq!(send(&rig, visit("GET", false, &[])).await.text(), "mine");
}

#[tokio::test]
async fn a_private_request_is_neither_answered_from_the_store_nor_stored() {
    let rig = self::rig(layer().private_if(by_session), page);
    let answer = send(&rig, visit("GET", true, &[])).await;
    assert_eq!(
        (answer.text(), answer.cache_status()),
        ("mine", "scrimp; fwd=bypass; detail=private-if")
    );
    for hit in [false, true] {
        let answer = send(&rig, visit("GET", false, &[])).await;
        assert_eq!((answer.text(), answer.is_hit()), ("all", hit));
    }
    assert_eq!(send(&rig, visit("GET", true, &[])).await.text(), "mine");
    assert_eq!(send(&rig, visit("GET", false, &[])).await.text(), "all");
    assert_eq!(rig.layer.stats().not_stored.private_if, 2);
}

#[tokio::test]
async fn a_request_that_turns_private_during_its_call_is_not_stored() {
    let rig = self::rig(layer().private_if(by_session), page);
    for _ in 0..3 {
        let answer = send(&rig, visit("GET", false, BEGIN)).await;
        assert_eq!(
            (answer.text(), answer.cache_status()),
            ("mine", "scrimp; fwd=uri-miss; detail=private-if")
        );
    }
    assert_eq!(rig.layer.stats().not_stored.private_if, 3);
    for hit in [false, true] {
        let answer = send(&rig, visit("GET", false, &[])).await;
        assert_eq!((answer.text(), answer.is_hit()), ("all", hit));
    }
}

#[tokio::test]
async fn a_private_response_replaces_renews_and_removes_nothing() {
    for (status, method) in [(200, "GET"), (304, "GET"), (200, "HEAD")] {
        let layer = layer().private_if(by_session).rule("path=/** fail-safe=1h");
        let rig = self::rig(layer, move |text| {
            let fields = [
                ("cache-control", "max-age=60"),
                ("etag", "\"1\""),
                ("x-page", text),
            ];
            reply(if text == "mine" { status } else { 200 }, &fields, text)
        });
        assert_eq!(send(&rig, visit("GET", false, &[])).await.text(), "all");
        rig.wait(61);
        let private = send(&rig, visit(method, false, BEGIN)).await;
        assert!(private.cache_status().contains("; fwd=stale"));
        assert!(
            !private.cache_status().contains("; stored"),
            "{status} {method}"
        );
        // The stored response is stale and there as before: it stands in for a failure.
        let stats = rig.layer.stats();
        assert_eq!(
            (stats.store.entries, stats.stored),
            (1, 1),
            "{status} {method}"
        );
        let next = send(&rig, visit("GET", false, &[])).await;
        assert!(
            next.cache_status().contains("; fwd=stale"),
            "{status} {method}"
        );
        assert_eq!((next.header("x-page"), next.text()), ("all", "all"));
    }
}

#[tokio::test]
async fn a_refresh_whose_request_turns_private_is_not_stored() {
    let rig = Rig::answering(layer().private_if(by_session), |parts| {
        let fields = [("cache-control", "max-age=10, stale-while-revalidate=60")];
        let session = parts.extensions.get::<Session>().expect("a session");
        session
            .0
            .store(parts.headers.contains_key("x-begin"), Relaxed);
        reply(
            200,
            &fields,
            if session.0.load(Relaxed) {
                "mine"
            } else {
                "all"
            },
        )
    });
    send(&rig, visit("GET", false, &[])).await;
    rig.wait(20);
    assert_eq!(send(&rig, visit("GET", false, BEGIN)).await.text(), "all");
    tokio::task::yield_now().await;
    assert_eq!(rig.upstream.calls(), 2, "the refresh was made");
    assert_eq!(send(&rig, visit("GET", false, &[])).await.text(), "all");
    assert_eq!(rig.layer.stats().not_stored.private_if, 1);
}

#[tokio::test]
async fn a_response_to_a_private_post_is_stored_for_no_get() {
    for begun in [true, false] {
        let rig = self::rig(layer().private_if(by_session), |text| {
            let fields = [("cache-control", "max-age=60"), ("content-location", "/")];
            reply(200, &fields, text)
        });
        send(&rig, visit("POST", begun, BEGIN)).await;
        assert_eq!(send(&rig, visit("GET", false, &[])).await.text(), "all");
    }
}

#[tokio::test]
async fn a_private_write_still_invalidates() {
    let rig = self::rig(layer().private_if(by_session), page);
    send(&rig, visit("GET", false, &[])).await;
    send(&rig, visit("DELETE", true, &[])).await;
    assert!(!send(&rig, visit("GET", false, &[])).await.is_hit());
}

#[tokio::test]
async fn of_several_functions_each_can_make_a_request_private() {
    let layer = layer()
        .private_if(|_, headers| headers.contains_key("x-preview"))
        .private_if(by_session);
    let rig = self::rig(layer, page);
    for request in [
        visit("GET", false, &[("x-preview", "1")]),
        visit("GET", true, &[]),
    ] {
        let answer = send(&rig, request).await;
        assert!(answer.cache_status().ends_with("detail=private-if"));
    }
}

#[tokio::test]
async fn a_function_that_panics_stores_nothing() {
    let calls = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&calls);
    let layer = layer().private_if(move |_, _| {
        assert!(!asked.swap(true, Relaxed), "asked again");
        false
    });
    let rig = self::rig(layer, page);
    let asked = AssertUnwindSafe(rig.send(visit("GET", false, &[])));
    assert!(asked.catch_unwind().await.is_err());
    calls.store(false, Relaxed);
    assert_eq!(rig.layer.stats().stored, 0);
}
