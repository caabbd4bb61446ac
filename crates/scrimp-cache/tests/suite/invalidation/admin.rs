//! Authorised invalidation over HTTP.

use http::Request;
use http_body_util::BodyExt;
use scrimp_cache::{CacheLayer, Invalidation};
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
    assert!(stats.contains("\"not_stored\":{\"no-store\":0,"), "{stats}");
    assert!(stats.ends_with("}}"), "{stats}");
}

#[tokio::test]
async fn a_purge_names_its_target_and_how_many_responses_it_hit() {
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "a, b")];
    let rig = Rig::answering(layer(), move |_| reply(200, &fields, "x"));
    for (method, uri, fields, target, hits) in [
        ("PURGE", "/1", &[("host", "H:80")][..], "uri h/1", 1),
        ("PURGE", "/2", &[("host", "h")], "uri h/2", 0),
        ("PURGE", "/1", &[("host", "other")], "uri other/1", 0),
        (
            "PURGE",
            "/",
            &[("host", "h"), ("surrogate-key", "a")],
            "tag a",
            2,
        ),
        ("POST", "/purge?tag=c", &[], "tag c", 0),
        ("POST", "/purge?path=/1", &[], "uri */1", 1),
        (
            "POST",
            "/purge?glob=/%2A",
            &[],
            "tags and targets like /*",
            2,
        ),
        (
            "POST",
            "/purge?url-prefix=http://h/",
            &[],
            "uris with the prefix h/",
            2,
        ),
        ("POST", "/purge?authority=h", &[], "authority h", 2),
        ("POST", "/purge?everything", &[], "everything", 2),
    ] {
        rig.get("http://h/1").await;
        rig.get("http://h/3").await;
        for hits in [hits, 0] {
            let (status, text) = admin(&rig.layer, method, uri, fields).await;
            let told = format!(r#"[{{"target":"{target}","hits":{hits}}}]"#);
            assert_eq!((status, text.contains(&told)), (200, true), "{uri}: {text}");
        }
    }
}

#[tokio::test]
async fn a_url_without_an_authority_is_refused_and_a_path_stands_for_every_authority() {
    let fields = [("cache-control", "max-age=60")];
    let rig = Rig::answering(layer(), move |_| reply(200, &fields, "x"));
    for uri in [
        "/purge?url=/1",
        "/purge?url-prefix=/",
        "/purge?path=1",
        "/purge?path=",
    ] {
        let (status, text) = admin(&rig.layer, "POST", uri, &[]).await;
        assert_eq!(status, 400, "{uri}: {text}");
    }
    let invalidator = rig.layer.invalidator();
    for path in ["/1?b", "/%31?b"] {
        rig.get("http://h/1?b").await;
        rig.get("http://g/1?b").await;
        rig.get("http://h/1?c").await;
        invalidator.invalidate(&Invalidation::uri(path.parse().expect("a path")));
        assert!(!rig.get("http://h/1?b").await.is_hit());
        assert!(!rig.get("http://g/1?b").await.is_hit());
        assert!(rig.get("http://h/1?c").await.is_hit());
    }
    invalidator.invalidate(&Invalidation::uri_prefix("/1".parse().expect("a path")));
    assert!(!rig.get("http://h/1?c").await.is_hit());
}
