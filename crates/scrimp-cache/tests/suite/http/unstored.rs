//! Keys whose responses are not stored, and how the cache learns from them.

use http_body_util::BodyExt;
use scrimp_testkit::Scripted;
use tower::{Layer, ServiceExt};

use crate::common::{Rig, layer, minute, reply, request};

#[tokio::test]
async fn a_key_that_was_not_storable_is_stored_again_one_call_after_it_is() {
    let secret = || reply(200, &[("cache-control", "no-store")], "secret");
    let replies = [secret(), secret(), minute("a"), minute("b")];
    let rig = Rig::script(layer(), replies);
    for text in ["secret", "secret"] {
        let answer = rig.get("/").await;
        assert_eq!(answer.text(), text);
        assert_eq!(
            answer.cache_status(),
            "scrimp; fwd=uri-miss; detail=no-store"
        );
    }
    // The call is only watched, as the last one was not storable: learning counts from here on.
    let watched = rig.get("/").await;
    assert_eq!(
        (watched.text(), watched.cache_status()),
        ("a", "scrimp; fwd=uri-miss")
    );
    assert_eq!(rig.get("/").await.text(), "b");
    let hit = rig.get("/").await;
    assert!(hit.is_hit() && hit.text() == "b");
}

#[tokio::test]
async fn a_failure_and_a_variant_say_nothing_of_the_next_answer() {
    for first in [
        reply(500, &[], "sorry"),
        reply(
            200,
            &[("cache-control", "private"), ("vary", "accept-language")],
            "yours",
        ),
    ] {
        let rig = Rig::script(layer(), [first, minute("a")]);
        rig.get("/").await;
        assert_eq!(rig.get("/").await.text(), "a");
        assert!(rig.get("/").await.is_hit());
    }
}

#[tokio::test]
async fn a_coding_does_not_decide_whether_a_response_is_stored() {
    let fields = [("cache-control", "no-store"), ("vary", "Accept-Encoding")];
    let secret = reply(200, &fields, "secret");
    let rig = Rig::script(layer(), [secret, minute("a"), minute("b")]);
    let texts = [rig.get("/").await, rig.get("/").await, rig.get("/").await];
    assert_eq!(
        texts.map(|answer| answer.text().to_owned()),
        ["secret", "a", "b"],
        "the second was watched, the third stored"
    );
    assert!(rig.get("/").await.is_hit());
}

#[tokio::test]
async fn what_is_watched_for_one_key_is_stored_for_another() {
    let secret = reply(200, &[("cache-control", "no-store")], "secret");
    let rig = Rig::script(layer(), [secret, minute("a")]);
    rig.get("/one").await;
    assert_eq!(rig.get("/two").await.text(), "a");
    assert!(rig.get("/two").await.is_hit());
}

#[tokio::test]
async fn clones_of_a_layer_remember_together() {
    // axum makes a clone for each service, and may make a service for each connection.
    let (inner, upstream) = Scripted::script([
        reply(200, &[("cache-control", "no-store")], "secret"),
        minute("a"),
        minute("b"),
    ]);
    let layer = layer().build().unwrap();
    for text in ["secret", "a", "b", "b"] {
        let service = layer.clone().layer(inner.clone());
        let response = service.oneshot(request("GET", "/", &[])).await;
        let body = response.expect("an answer").into_body().collect().await;
        assert_eq!(body.expect("a body").to_bytes(), text);
    }
    assert_eq!(
        upstream.calls(),
        3,
        "the second was watched, the third stored"
    );
}
