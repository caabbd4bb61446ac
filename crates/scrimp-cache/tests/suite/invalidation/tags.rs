//! The sources of tags.

use std::sync::Arc;

use scrimp_cache::Invalidation;
use scrimp_core::extensions::{CacheTags, Explain, Tags, TellTags};

use crate::common::{Rig, layer, minute, reply, request};

#[tokio::test]
async fn tags_come_from_fields_and_functions_and_requests_and_can_be_stripped() {
    let fields = [
        ("cache-control", "max-age=60"),
        ("cache-tag", "a, b"),
        ("surrogate-key", "c d"),
    ];
    for tag in ["a", "b", "c", "d", "made-of:/", "mine"] {
        let layer = layer()
            .strip_tag_headers()
            .tags_with(|request, _| vec![format!("made-of:{}", request.uri().path())]);
        let rig = Rig::answering(layer, move |_| reply(200, &fields, "x"));
        let invalidator = rig.layer.invalidator();
        let mut tagged = request("GET", "/", &[]);
        tagged
            .extensions_mut()
            .insert(Tags(Arc::from(["mine".into()])));
        let miss = rig.send(tagged).await.expect("an answer");
        let hit = rig.get("/").await;
        for answer in [miss, hit] {
            assert_eq!(
                (answer.header("cache-tag"), answer.header("surrogate-key")),
                ("", "")
            );
        }
        invalidator.invalidate(&Invalidation::tag(tag));
        assert!(!rig.get("/").await.is_hit(), "{tag}");
    }
}

#[tokio::test]
async fn a_confirmed_response_keeps_the_tags_that_a_304_leaves_out() {
    let first = [
        ("cache-control", "max-age=1"),
        ("etag", "\"1\""),
        ("cache-tag", "a"),
    ];
    let renewal = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
    for strip in [false, true] {
        let layer = if strip {
            layer().strip_tag_headers()
        } else {
            layer()
        };
        let replies = [
            reply(200, &first, "x"),
            reply(304, &renewal, ""),
            minute("y"),
        ];
        let rig = Rig::script(layer, replies);
        let invalidator = rig.layer.invalidator();
        rig.get("/").await;
        rig.wait(2);
        rig.get("/").await;
        invalidator.invalidate(&Invalidation::tag("a"));
        assert_eq!(rig.get("/").await.text(), "y");
    }
}

#[tokio::test]
async fn cache_groups_are_invalidated_by_writes_on_their_own_origin() {
    let rig = Rig::answering(layer(), |parts| match parts.method.as_str() {
        "GET" => reply(
            200,
            &[
                ("cache-control", "max-age=60"),
                ("cache-groups", r#""g", "h""#),
            ],
            "",
        ),
        _ => reply(200, &[("cache-group-invalidation", r#""g""#)], ""),
    });
    for uri in ["http://a/1", "http://b/1"] {
        rig.get(uri).await;
    }
    rig.ask("POST", "http://a/other", &[]).await;
    assert!(!rig.get("http://a/1").await.is_hit());
    assert!(rig.get("http://b/1").await.is_hit());
}

#[tokio::test]
async fn tags_are_told_to_layers_outside_that_ask_for_them() {
    let layer = layer()
        .rule("path=/p/{id} ttl=1m tag=p:{id}@3")
        .tags_with(|_, _| vec!["made".to_owned()]);
    let rig = Rig::answering(layer, |_| reply(200, &[("cache-tag", "own")], "x"));
    let told = async |asks: bool| {
        let mut asking = request("GET", "/p/7?x=1", &[]);
        let extensions = asking.extensions_mut();
        extensions.insert(Tags(Arc::from(["mine".into()])));
        extensions.insert(Explain);
        if asks {
            extensions.insert(TellTags);
        }
        let answer = rig.send(asking).await.expect("an answer");
        answer.extensions.get::<CacheTags>().cloned()
    };
    for _ in 0..2 {
        let all = told(true).await.expect("tags");
        let names: Vec<_> = all.tags.iter().map(|tag| &**tag).collect();
        assert_eq!(names, ["own", "mine", "p:7", "made"]);
        assert!(all.complete);
        assert_eq!(told(false).await, None);
    }
}
