//! Responses in progress during an invalidation.

use http_body_util::BodyExt;
use scrimp_cache::Invalidation;
use scrimp_testkit::{Gate, ScriptedBody};

use crate::{
    common::{Rig, layer, minute, reply, request},
    invalidation::rule,
};

#[tokio::test]
async fn an_answer_under_way_never_enters_the_store_after_its_tag_moved() {
    let gate = Gate::new();
    let layer = layer().rule(rule("path=/users/{id} tag=user:{id} ttl=5m"));
    let rig = {
        let gate = gate.clone();
        Rig::answering(layer, move |_| {
            let body = ScriptedBody::new().data("old ").gate(&gate).data("profile");
            scrimp_testkit::Reply::respond(http::Response::new(body))
        })
    };
    let invalidator = rig.layer.invalidator();
    let stats = rig.layer.clone();
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
    let replies = [
        reply(200, &fields, "old"),
        reply(304, &fields, "").gate(&gate),
        minute("new"),
    ];
    let rig = Rig::script(layer, replies);
    let invalidator = rig.layer.invalidator();
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
async fn a_head_without_validator_does_not_make_fresh_what_was_invalidated_softly() {
    let layer = layer();
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "t")];
    let rig = Rig::answering(layer, move |_| reply(200, &fields, ""));
    let invalidator = rig.layer.invalidator();
    rig.get("http://h/").await;
    invalidator.invalidate(&Invalidation::tag("t").soft());
    rig.ask("HEAD", "http://h/", &[]).await;
    assert!(!rig.get("http://h/").await.is_hit());
}

#[tokio::test]
async fn a_head_without_validator_does_not_give_an_old_body_a_new_version() {
    let layer = layer().rule(rule("path=/users/{id} tag=user:{id}@{header.x-rev} ttl=5m"));
    let rig = Rig::script(
        layer,
        [
            reply(200, &[("x-rev", "1")], "a"),
            reply(200, &[("x-rev", "2")], ""),
            reply(200, &[("x-rev", "2")], "b"),
        ],
    );
    let invalidator = rig.layer.invalidator();
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
    let tagged = [("cache-control", "max-age=60"), ("cache-tag", "a")];
    let written = [tagged[0], tagged[1], ("content-location", "/")];
    let replies = [
        reply(200, &written, "old").gate(&gate),
        reply(200, &tagged, "new"),
    ];
    let rig = Rig::script(layer, replies);
    let invalidator = rig.layer.invalidator();
    let mut post = scrimp_testkit::PollCounter::new(rig.ask("POST", "/", &[]));
    assert!(post.poll_now().is_pending());
    invalidator.invalidate(&Invalidation::tag("a"));
    gate.open();
    post.await;
    assert_eq!(rig.get("/").await.text(), "new");
}
