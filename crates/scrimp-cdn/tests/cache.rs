//! The facts that a cache inside tells the layer: tags and lifetimes of its rules.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, CacheLayerBuilder, Invalidation, MemoryStore};
use scrimp_cdn::{Cdn, CdnLayer, CdnLayerBuilder, CdnLifetime};
use scrimp_core::extensions::CacheTags;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneService};

type Server = BoxCloneService<Request<Full<Bytes>>, HeaderMap, std::io::Error>;

const TWO: [Cdn; 2] = [Cdn::Cloudflare, Cdn::Fastly];

fn cache() -> CacheLayerBuilder<MemoryStore> {
    CacheLayer::for_origin(MemoryStore::new(1 << 20))
}

/// Returns a server with both layers, that reads each response to its end.
fn server(
    fields: CdnLayerBuilder,
    cache: &CacheLayer<MemoryStore>,
    answer: impl Fn(&Request<Full<Bytes>>) -> http::response::Builder + Send + Sync + 'static,
) -> Server {
    let answer = Arc::new(answer);
    let upstream = service_fn(move |request: Request<Full<Bytes>>| {
        let response = answer(&request).body(Full::<Bytes>::from("page"));
        std::future::ready(Ok::<_, std::io::Error>(response.unwrap()))
    });
    let layered = fields.build().unwrap().layer(cache.layer(upstream));
    BoxCloneService::new(service_fn(move |request| {
        let layered = layered.clone();
        async move {
            let (parts, body) = layered.oneshot(request).await?.into_parts();
            body.collect().await.unwrap();
            Ok(parts.headers)
        }
    }))
}

async fn send(server: &Server, method: Method, target: &str) -> HeaderMap {
    let uri = format!("http://shop.test{target}");
    let request = Request::builder().method(method).uri(uri);
    let request = request.body(Full::default()).unwrap();
    server.clone().oneshot(request).await.unwrap()
}

async fn get(server: &Server, target: &str) -> HeaderMap {
    send(server, Method::GET, target).await
}

#[tokio::test(start_paused = true)]
async fn tags_of_rules_reach_the_cdn_with_each_response() {
    let cache = cache()
        .rule("path=/products/{id} ttl=1m fail-safe=1h tag=product:{id}@{header.x-rev},shop")
        .tags_with(|_, _| vec!["made/here".to_owned()])
        .strip_tag_headers()
        .build()
        .unwrap();
    let server = server(CdnLayer::builder(TWO), &cache, |request| {
        let confirms = request.headers().contains_key("if-none-match");
        let status = if confirms { 304 } else { 200 };
        let response = Response::builder().status(status).header("etag", "\"1\"");
        match confirms {
            true => response,
            false => response.header("x-rev", "9").header("surrogate-key", "own"),
        }
    });
    let mut seen = Vec::new();
    let mut note = |fields: HeaderMap| {
        let status = fields["cache-status"].to_str().unwrap().to_owned();
        for (name, separator) in [("surrogate-key", ' '), ("cache-tag", ',')] {
            let keys = fields[name].to_str().unwrap();
            let mut keys: Vec<_> = keys.split(separator).collect();
            keys.sort_unstable();
            let expected = ["made/", "made/here", "own", "product:", "product:7", "shop"];
            assert_eq!(keys, expected, "{status}");
        }
        seen.push(status);
    };
    note(get(&server, "/products/7").await);
    note(get(&server, "/products/7").await);
    note(send(&server, Method::HEAD, "/products/7").await);
    tokio::time::advance(Duration::from_secs(61)).await;
    note(get(&server, "/products/7").await);
    note(get(&server, "/products/7").await);
    cache
        .invalidator()
        .invalidate(&Invalidation::tag("shop").soft());
    note(get(&server, "/products/7").await);
    for (at, part) in [
        (0, "fwd=uri-miss"),
        (1, "hit"),
        (2, "hit"),
        (3, "fwd-status=304"),
        (4, "hit"),
    ] {
        assert!(seen[at].contains(part), "{seen:?}");
    }
}

#[tokio::test]
async fn a_response_that_the_cache_does_not_keep_has_the_tags_of_its_rule() {
    let cache = cache()
        .rule("path=/large ttl=1m max-body=1 tag=large")
        .rule("path=/past bypass tag=past")
        .rule("status=404 tag=absent")
        .build()
        .unwrap();
    let server = server(CdnLayer::builder([Cdn::Fastly]), &cache, |request| {
        let status = match request.uri().path() {
            "/none" => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        Response::builder()
            .status(status)
            .header("cache-control", "no-cache")
    });
    for (target, key) in [("/large", "large"), ("/past", "past"), ("/none", "absent")] {
        // The second time, the cache knows that it does not keep the response.
        for _ in 0..2 {
            assert_eq!(get(&server, target).await["surrogate-key"], key);
        }
    }
    assert_eq!(cache.stats().hits, 0);
}

#[tokio::test]
async fn a_tag_that_a_client_divided_into_lines_keeps_the_response_out_of_the_cdn() {
    let cache = cache()
        .rule("path=/list ttl=1m tag=list:{query.of}")
        .build()
        .unwrap();
    let server = server(CdnLayer::builder([Cdn::Fastly]), &cache, |_| {
        Response::builder()
    });
    let target = "/list?of=a%0Ab";
    assert_eq!(
        get(&server, target).await["surrogate-key"],
        "list:a%0Ab list:"
    );
    let hit = get(&server, target).await;
    assert_eq!(hit["surrogate-control"], "no-store, max-age=0");
    assert!(!hit.contains_key("surrogate-key"));
}

#[tokio::test]
async fn tags_that_a_store_has_forgotten_keep_the_response_out_of_the_cdn() {
    let layer = CdnLayer::builder([Cdn::Fastly]).build().unwrap();
    let upstream = service_fn(|_: Request<()>| async {
        let mut response = Response::new(http_body_util::Empty::<bytes::Bytes>::new());
        let tags = CacheTags::new([Box::from("a")], false);
        response.extensions_mut().insert(tags);
        Ok::<_, std::io::Error>(response)
    });
    let response = layer.layer(upstream).oneshot(Request::new(())).await;
    let fields = response.unwrap().headers().clone();
    assert_eq!(fields["surrogate-control"], "no-store, max-age=0");
    assert_eq!(fields.len(), 1);
    assert_eq!(layer.stats().not_marked.forgotten_tags, 1);
}

#[tokio::test(start_paused = true)]
async fn the_lifetime_of_a_rule_reaches_the_cdn() {
    let cache = cache()
        .rule("path=/products/** ttl=5m")
        .rule("path=/past bypass")
        .build()
        .unwrap();
    let day = CdnLifetime::new(Duration::from_secs(86_400));
    let fields = CdnLayer::builder([Cdn::Cloudflare, Cdn::Nginx])
        .lifetime(day)
        .lifetime_of_cache();
    let server = server(fields, &cache, |_| {
        Response::builder().header("cache-control", "max-age=0")
    });
    let told = |fields: &HeaderMap| {
        ["cdn-cache-control", "x-accel-expires"]
            .map(|name| fields[name].to_str().unwrap().to_owned())
    };
    let first = get(&server, "/products/7").await;
    assert_eq!(told(&first), ["max-age=300", "300"]);
    tokio::time::advance(Duration::from_secs(100)).await;
    // Age counts for the one, and the other does not read it.
    let hit = get(&server, "/products/7").await;
    assert_eq!(hit["age"], "100");
    assert_eq!(told(&hit), ["max-age=300", "200"]);
    let past = get(&server, "/past").await;
    assert_eq!(told(&past), ["max-age=86400", "86400"]);
}
