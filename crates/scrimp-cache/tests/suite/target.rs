//! Target URIs that RFC 3986 §6.2.2–3 calls equivalent: one key, one purge target, one write
//! mark.

use crate::common;

use bytes::Bytes;
use common::{Rig, layer, minute, request};
use http::{HeaderName, HeaderValue, Request, Uri, Version};
use http_body_util::Full;
use scrimp_cache::{CacheLayer, CacheLayerBuilder, Invalidation, MemoryStore};

fn rig(layer: CacheLayerBuilder) -> Rig {
    Rig::answering(layer, |_| minute("x"))
}

/// Equivalent to `http://shop.test/p/q?x=y`.
const ABSOLUTE: [&str; 7] = [
    "HTTP://shop.test/p/q?x=y",
    "http://SHOP.test/p/q?x=y",
    "http://shop.test:80/p/q?x=y",
    "http://shop.test/%70/q?x=y",
    "http://shop.test/p/%71?%78=y",
    "http://shop.test/p/./q?x=y",
    "http://shop.test/p/a/../q?x=y",
];

const PLAIN: &str = "http://shop.test/p/q?x=y";

#[tokio::test]
async fn equivalent_uris_have_one_key() {
    for uri in ABSOLUTE {
        let rig = rig(layer());
        rig.get(PLAIN).await;
        assert!(rig.get(uri).await.is_hit(), "{uri}");
    }
}

#[tokio::test]
async fn case_of_scheme_and_host_and_the_default_port_make_no_difference_in_either_order() {
    for uri in &ABSOLUTE[..3] {
        let rig = rig(layer());
        rig.get(uri).await;
        assert!(rig.get(PLAIN).await.is_hit(), "{uri}");
    }
}

#[tokio::test]
async fn a_purge_by_any_spelling_hits_what_was_stored_by_any_other() {
    for stored in ABSOLUTE {
        for purged in ABSOLUTE {
            let rig = rig(layer());
            rig.get(stored).await;
            let target = Invalidation::uri(purged.parse().expect("a URI"));
            rig.layer.invalidator().invalidate(&target);
            assert!(!rig.get(stored).await.is_hit(), "{stored} {purged}");
        }
    }
}

#[tokio::test]
async fn a_write_to_any_spelling_is_seen_by_readers_of_any_other() {
    for written in ABSOLUTE {
        let rig = rig(layer());
        for read in ABSOLUTE {
            rig.get(read).await;
            rig.ask("POST", written, &[]).await;
            assert!(!rig.get(read).await.is_hit(), "{written} {read}");
        }
    }
}

#[tokio::test]
async fn on_a_server_a_default_port_or_a_final_dot_in_host_is_hit_by_purges_and_writes() {
    for host in [
        "shop.test",
        "SHOP.test",
        "shop.test:443",
        "shop.test:80",
        "shop.test.",
        "shop.test.:443",
    ] {
        let rig = rig(layer());
        let fill = async || {
            rig.get_with("/p", &[("host", host)]).await;
            rig.upstream.calls()
        };
        let filled = fill().await;
        for target in [
            "https://shop.test/p",
            "http://shop.test/p",
            "https://shop.test:443/%70",
        ] {
            let purge = Invalidation::uri(target.parse().expect("a URI"));
            rig.layer.invalidator().invalidate(&purge);
        }
        assert_eq!(fill().await, filled + 1, "{host}");
        let authority = Invalidation::authority("shop.test.:443");
        rig.layer.invalidator().invalidate(&authority);
        assert_eq!(fill().await, filled + 2, "{host}");
        rig.ask("PUT", "/%70", &[("host", "shop.test:443")]).await;
        assert_eq!(fill().await, filled + 4, "{host}");
    }
}

#[tokio::test]
async fn keys_keep_a_final_dot_apart_and_a_port_whose_scheme_is_unknown() {
    let rig = rig(layer());
    rig.get_with("/p", &[("host", "shop.test")]).await;
    for host in ["shop.test.", "shop.test:443"] {
        assert!(
            !rig.get_with("/p", &[("host", host)]).await.is_hit(),
            "{host}"
        );
    }
}

#[tokio::test]
async fn prefixes_and_globs_go_by_the_normal_form() {
    for purge in [
        Invalidation::uri_prefix("http://shop.test/%70/".parse().expect("a URI")),
        Invalidation::glob("/p/*"),
    ] {
        let rig = rig(layer());
        rig.get("http://shop.test/a/../%70/q").await;
        rig.layer.invalidator().invalidate(&purge);
        assert!(
            !rig.get("http://shop.test/a/../%70/q").await.is_hit(),
            "{purge:?}"
        );
    }
}

#[tokio::test]
async fn location_is_resolved_to_its_normal_form() {
    let rig = Rig::answering(layer(), |parts| match parts.method.as_str() {
        "POST" => common::reply(201, &[("location", "/%70")], ""),
        _ => minute("x"),
    });
    let host = [("host", "shop.test")];
    rig.get_with("/p", &host).await;
    rig.ask("POST", "/new", &host).await;
    assert!(!rig.get_with("/p", &host).await.is_hit());
}

#[tokio::test]
async fn a_field_written_with_an_underscore_decides_what_it_decides_with_a_dash() {
    let rig = rig(layer());
    let mut request = common::request("GET", "/p", &[]);
    let name = HeaderName::from_static("x_original_url");
    request
        .headers_mut()
        .insert(name, HeaderValue::from_static("/evil"));
    let answer = rig.send(request).await.expect("an answer");
    assert!(answer.cache_status().contains("detail=override"));
}

fn over(version: Version, uri: &str, fields: common::Fields<'_>) -> Request<Full<Bytes>> {
    let mut request = request("GET", uri, fields);
    *request.version_mut() = version;
    request
}

/// Returns a layer inside a server: by its constructor, or by the target that a router has found.
fn inside() -> [CacheLayerBuilder; 2] {
    [
        CacheLayer::for_origin(MemoryStore::new(1 << 20)),
        layer().target_uri(http::Extensions::get::<Uri>),
    ]
}

#[tokio::test]
async fn all_versions_of_http_share_a_response_inside_a_server() {
    let (host, proxy) = (("host", "h"), ("x-forwarded-proto", "https"));
    for layer in inside() {
        let rig = Rig::answering(layer, |_| minute("x"));
        let over = |version, uri, fields: common::Fields<'_>| {
            let mut request = over(version, uri, fields);
            let target = request.uri().clone();
            request.extensions_mut().insert(target);
            request
        };
        for (number, proxy) in [&[][..], &[proxy]].into_iter().enumerate() {
            let both = &[&[host], proxy].concat()[..];
            let requests = [
                over(Version::HTTP_11, "/a", both),
                over(Version::HTTP_2, "https://h/a", proxy),
                over(Version::HTTP_2, "https://h/a", both),
                over(Version::HTTP_3, "https://h/a", proxy),
            ];
            for request in requests {
                rig.send(request).await.expect("an answer");
            }
            assert_eq!(rig.upstream.calls(), number + 1, "{proxy:?}");
        }
        let purged = over(Version::HTTP_2, "https://h/a", &[]);
        rig.layer.invalidator().invalidate_request(&purged);
        let again = rig.send(over(Version::HTTP_11, "/a", &[host]));
        assert!(!again.await.expect("an answer").is_hit());
    }
}

#[tokio::test]
async fn a_client_never_takes_a_response_that_came_in_clear_for_one_of_https() {
    for version in [Version::HTTP_11, Version::HTTP_2, Version::HTTP_3] {
        let rig = rig(layer());
        for uri in ["http://h/a", "https://h/a"] {
            let answer = rig.send(over(version, uri, &[])).await.unwrap();
            assert!(!answer.is_hit(), "{version:?}: {uri}");
        }
        let again = rig.send(over(version, "https://h/a", &[])).await.unwrap();
        assert!(again.is_hit(), "{version:?}");
    }
}
