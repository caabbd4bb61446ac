//! Authorised invalidation over HTTP.

use http::Request;
use http_body_util::BodyExt;
use scrimp_cache::CacheLayer;
use tower::ServiceExt;

use crate::common::{self, Rig, layer, reply, request};

async fn admin(
    layer: &CacheLayer,
    method: &str,
    uri: &str,
    fields: common::Fields<'_>,
) -> (u16, String) {
    let admin = layer.admin(|parts| {
        parts
            .headers
            .get("x-key")
            .is_some_and(|key| key == "s3cret")
    });
    let mut request: Request<_> = request(method, uri, fields);
    if !fields.iter().any(|(name, _)| *name == "x-key") {
        request
            .headers_mut()
            .insert("x-key", "s3cret".parse().expect("a value"));
    }
    let response = admin.oneshot(request).await.expect("infallible");
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("infallible")
        .to_bytes();
    (status, String::from_utf8(body.into()).expect("JSON"))
}

#[tokio::test]
async fn the_admin_service_purges_for_those_it_is_told_to_trust() {
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "a")];
    let rig = Rig::answering(layer(), move |_| reply(200, &fields, "x"));
    let cases: [(&str, &str, common::Fields<'_>); 8] = [
        ("PURGE", "http://h/1", &[]),
        ("PURGE", "/1", &[("host", "h")]),
        ("PURGE", "/", &[("surrogate-key", "z a")]),
        ("POST", "/purge?tag=a", &[]),
        ("POST", "/x/purge?prefix=%2F1", &[]),
        ("POST", "/purge?url=http%3A%2F%2Fh%2F1", &[]),
        ("POST", "/purge?url-prefix=http://h/&soft", &[]),
        ("POST", "/purge?everything", &[]),
    ];
    for (method, uri, fields) in cases {
        rig.get("http://h/1").await;
        assert!(rig.get("http://h/1").await.is_hit());
        let (status, text) = admin(&rig.layer, method, uri, fields).await;
        assert_eq!(
            (status, text.contains("\"ok\"")),
            (200, true),
            "{method} {uri}: {text}"
        );
        assert!(!rig.get("http://h/1").await.is_hit(), "{method} {uri}");
    }
    let refused = admin(
        &rig.layer,
        "POST",
        "/purge?everything",
        &[("x-key", "guess")],
    )
    .await;
    assert_eq!(refused.0, 403);
    assert!(rig.get("http://h/1").await.is_hit());
    assert_eq!(admin(&rig.layer, "POST", "/purge", &[]).await.0, 400);
    assert_eq!(admin(&rig.layer, "POST", "/purge?tga=a", &[]).await.0, 400);
    assert_eq!(admin(&rig.layer, "GET", "/elsewhere", &[]).await.0, 404);
    let (status, stats) = admin(&rig.layer, "GET", "/stats", &[]).await;
    assert_eq!(status, 200);
    assert!(
        stats.contains("\"hits\":16") && stats.contains("\"store_entries\":1"),
        "{stats}"
    );
}
