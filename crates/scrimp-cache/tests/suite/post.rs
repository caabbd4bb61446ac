//! Responses to POST: by the request body, and for later GETs.

use crate::common;

use bytes::Bytes;
use common::{layer, minute, reply};
use http::{Request, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp_cache::CacheLayerBuilder;
use scrimp_core::{BodyDigestLayer, BoxError};
use scrimp_testkit::{Reply, Scripted, Upstream};
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneService};

type Posts = BoxCloneService<Request<Full<Bytes>>, (String, String), BoxError>;

/// Returns a cache that keys POSTs by their bodies. It answers with Cache-Status and body.
fn posts(
    layer: CacheLayerBuilder,
    answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
) -> (Posts, Upstream) {
    let (scripted, upstream) = Scripted::answering(answer);
    let stack = ServiceBuilder::new()
        .layer(BodyDigestLayer::new(100))
        .layer(layer.build().unwrap())
        .service(scripted);
    let read = |response: http::Response<_>| async move {
        let (parts, body) = response.into_parts();
        let body = BodyExt::collect(body).await?.to_bytes();
        let status = parts.headers["cache-status"].to_str()?.to_owned();
        Ok::<_, BoxError>((status, String::from_utf8(body.into())?))
    };
    let stack = stack.map_request(|request: Request<Full<Bytes>>| request);
    (BoxCloneService::new(stack.and_then(read)), upstream)
}

async fn post(service: &mut Posts, kind: &str, body: &str) -> (String, String) {
    let request = Request::post("http://api/graphql")
        .header("content-type", kind)
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .expect("a request");
    let service = service.ready().await.expect("always ready");
    service.call(request).await.expect("an answer")
}

#[tokio::test]
async fn a_post_is_answered_from_store_for_the_same_body_and_media_type() {
    let layer = layer().rule("path=/graphql body-key ttl=1m");
    let (mut service, upstream) = posts(layer, |_| reply(200, &[], "x"));
    assert!(
        post(&mut service, "a/json", "{a}")
            .await
            .0
            .contains("fwd=uri-miss")
    );
    assert!(post(&mut service, "a/json", "{a}").await.0.contains("hit"));
    assert!(
        post(&mut service, "a/json", "{b}")
            .await
            .0
            .contains("fwd=uri-miss")
    );
    assert!(
        post(&mut service, "a/graphql", "{a}")
            .await
            .0
            .contains("fwd=uri-miss")
    );
    let long = "x".repeat(101);
    for _ in 0..2 {
        assert!(
            post(&mut service, "a/json", &long)
                .await
                .0
                .contains("fwd=method")
        );
    }
    assert_eq!(upstream.calls(), 5);
}

#[tokio::test]
async fn without_a_rule_a_post_is_a_write() {
    let (mut service, upstream) = posts(layer(), |_| minute("x"));
    for _ in 0..2 {
        assert!(
            post(&mut service, "a/json", "{a}")
                .await
                .0
                .contains("fwd=method")
        );
    }
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test]
async fn an_answer_to_post_that_is_the_target_itself_is_kept_for_gets() {
    let answer = |parts: &Parts| {
        let there = parts.uri.query().unwrap_or("/made");
        let mut fields = vec![("content-location", there), ("cache-control", "max-age=60")];
        if parts.uri.path() == "/varies" {
            fields.push(("vary", "accept"));
        }
        reply(200, &fields, parts.method.as_str())
    };
    for (uri, kept) in [
        ("http://a/made", true),
        ("http://a/made?http://a/made?http://a/made", false),
        ("http://a/other", false),
        ("http://a/varies?/varies", false),
    ] {
        let rig = common::Rig::answering(layer(), answer);
        let posted = rig.ask("POST", uri, &[]).await;
        assert_eq!(posted.text(), "POST");
        assert_eq!(rig.get(uri).await.text() == "POST", kept, "{uri}");
        let personal = rig.ask("POST", uri, &[("authorization", "x")]).await;
        assert_eq!(personal.text(), "POST");
        assert_eq!(rig.get(uri).await.text(), "GET", "{uri}");
    }
}

#[tokio::test]
async fn an_answer_to_post_with_credentials_in_its_uri_is_not_kept() {
    let fields = [
        ("content-location", "/made"),
        ("cache-control", "max-age=60"),
    ];
    let rig = common::Rig::answering(layer(), move |parts| {
        reply(200, &fields, parts.method.as_str())
    });
    rig.ask("POST", "http://user:pass@a/made", &[]).await;
    assert_eq!(rig.get("http://a/made").await.text(), "GET");
}

#[tokio::test]
async fn an_answer_to_post_is_kept_only_with_a_lifetime_of_its_own() {
    let layer = layer().rule("path=/** ttl=1m");
    let rig = common::Rig::answering(layer, |parts| {
        reply(200, &[("content-location", "/made")], parts.method.as_str())
    });
    rig.ask("POST", "http://a/made", &[]).await;
    assert_eq!(rig.get("http://a/made").await.text(), "GET");
}

#[tokio::test]
async fn the_answer_to_a_post_that_was_overtaken_is_not_kept() {
    let gate = scrimp_testkit::Gate::new();
    let fields = [
        ("content-location", "/made"),
        ("cache-control", "max-age=60"),
    ];
    let replies = [
        reply(200, &fields, "first").gate(&gate),
        reply(200, &fields, "second"),
        minute("current"),
    ];
    let rig = common::Rig::script(layer(), replies);
    let first = rig.ask("POST", "http://a/made", &[]);
    let second = async {
        gate.reached(1).await;
        rig.ask("POST", "http://a/made", &[]).await;
        gate.open();
    };
    tokio::join!(first, second);
    assert_eq!(rig.get("http://a/made").await.text(), "current");
}
