//! Upstreams that panic.

use axum::{Router, body::Body, routing::get};
use http::Request;
use scrimp_testkit::{Reply, ScriptedBody};
use scrimp_tests::{Answer, Fields, Rig, layer, reply, request};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

const MINUTE: Fields<'_> = &[("cache-control", "max-age=60")];

async fn recovers_from(first: Reply) {
    let rig = Rig::script(
        layer(&["path=/** ttl=1m"]),
        [first, reply(200, MINUTE, "next")],
    );
    let cache = rig.cache.clone();
    let panicked = tokio::spawn(async move {
        let response = cache.oneshot(request("GET", "/", &[])).await;
        Answer::read(response.expect("an answer")).await.is_ok()
    });
    assert!(panicked.await.is_err(), "the panic is not hidden");
    assert_eq!(rig.layer.stats().store.fill_bytes, 0);
    assert_eq!(rig.get("/").await.text(), "next");
    assert!(rig.get("/").await.is_hit());
    assert_eq!(rig.upstream.in_flight(), 0);
}

#[tokio::test]
async fn a_panic_in_call_blocks_no_key() {
    recovers_from(Reply::panic_in_call()).await;
}

#[tokio::test]
async fn a_panic_in_the_future_blocks_no_key() {
    recovers_from(Reply::panic()).await;
}

#[tokio::test]
async fn a_panic_in_the_body_stores_no_part_of_it() {
    recovers_from(Reply::body(ScriptedBody::new().data("half").panic("body"))).await;
}

#[tokio::test]
async fn a_caught_panic_is_a_500_that_is_not_stored() {
    let layer = layer(&[]);
    for outside in [true, false] {
        let app = Router::new().route("/", get(broken));
        let app = match outside {
            true => app.layer(layer.clone()).layer(CatchPanicLayer::new()),
            false => app.layer(CatchPanicLayer::new()).layer(layer.clone()),
        };
        for _ in 0..2 {
            let request = Request::get("/").body(Body::empty()).expect("a request");
            let answer = Answer::read(app.clone().oneshot(request).await.expect("an answer")).await;
            assert_eq!(answer.expect("a body").status, 500);
        }
    }
    assert_eq!((layer.stats().hits, layer.stats().stored), (0, 0));
}

async fn broken() -> &'static str {
    panic!("handler")
}
