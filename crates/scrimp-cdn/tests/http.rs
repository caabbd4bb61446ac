//! The fields of responses.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Builder};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use scrimp_cdn::{Cdn, CdnLayer, CdnLayerBuilder, CdnLifetime, tag_key};
use scrimp_core::extensions::Tags;
use scrimp_http::credentials::Credentials;
use tower::{Layer, ServiceExt, service_fn};

const TWO: [Cdn; 2] = [Cdn::Cloudflare, Cdn::Fastly];

fn day() -> CdnLifetime {
    CdnLifetime::new(Duration::from_secs(86_400))
        .stale_while_revalidate(Duration::from_secs(60))
        .stale_if_error(Duration::from_secs(300))
}

fn tags(names: &[&str]) -> Tags {
    Tags(names.iter().map(|name| Box::from(*name)).collect())
}

fn get() -> Builder {
    Request::get("http://shop.test/7")
}

/// Sends a request through a layer. The inner service answers with `response`.
async fn through(
    layer: &CdnLayer,
    request: Builder,
    response: http::response::Builder,
) -> HeaderMap {
    let response = Arc::new(parking_lot::Mutex::new(Some(response)));
    let inner = service_fn(move |_: Request<Full<Bytes>>| {
        let response = response.lock().take().unwrap();
        async move { Ok::<_, std::io::Error>(response.body(Full::<Bytes>::from("page")).unwrap()) }
    });
    let request = request.body(Full::default()).unwrap();
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    response.headers().clone()
}

fn ok() -> http::response::Builder {
    Response::builder()
}

fn layer(cdns: impl IntoIterator<Item = Cdn>) -> CdnLayer {
    CdnLayer::builder(cdns).lifetime(day()).build().unwrap()
}

#[tokio::test]
async fn each_cdn_gets_the_fields_that_it_reads() {
    let cdns = [Cdn::Cloudflare, Cdn::Fastly, Cdn::Varnish, Cdn::Nginx];
    let request = get().extension(tags(&["product:7", "sale"]));
    let fields = through(&layer(cdns), request, ok()).await;
    let directives = "max-age=86400, stale-while-revalidate=60, stale-if-error=300";
    assert_eq!(fields["cdn-cache-control"], directives);
    assert_eq!(fields["surrogate-control"], directives);
    assert_eq!(fields["x-accel-expires"], "86400");
    assert_eq!(fields["cache-tag"], "product:7,product:,sale");
    assert_eq!(fields["surrogate-key"], "product:7 product: sale");
    assert_eq!(fields["xkey"], "product:7 product: sale");
    // And none that was not asked for.
    let request = get().extension(tags(&["sale"]));
    let fields = through(&layer([Cdn::Targeted]), request, ok()).await;
    assert_eq!(fields.len(), 1, "{fields:?}");
}

#[tokio::test]
async fn tags_come_from_the_request_the_response_its_fields_and_the_operator() {
    let layer = CdnLayer::builder(TWO)
        .tags_with(|request, _| vec![format!("path{}", request.uri().path())])
        .build()
        .unwrap();
    let request = get().extension(tags(&["a"]));
    let response = ok()
        .extension(tags(&["b", "a"]))
        .header("surrogate-key", "c d")
        .header("cache-tag", "e,d");
    let fields = through(&layer, request, response).await;
    assert_eq!(fields["surrogate-key"], "a b c d e path/7 path/");
    assert_eq!(fields["cache-tag"], "a,b,c,d,e,path/7,path/");
    assert!(!fields.contains_key("surrogate-control"));
}

#[tokio::test]
async fn names_that_a_client_chose_cannot_add_keys_or_fields() {
    let names = ["a b", "a,b", "x\r\nset-cookie: y", "user:7@12", "é"];
    let layer = CdnLayer::builder(TWO).build().unwrap();
    let fields = through(&layer, get().extension(tags(&names)), ok()).await;
    let keys: Vec<_> = names.iter().map(|name| tag_key(name)).collect();
    let expected = "a%20b,a%2Cb,x%0D%0Aset-cookie:%20y,x%0D%0Aset-cookie:,user:7,user:,%C3%A9";
    assert_eq!(fields["cache-tag"], expected);
    let written = fields["surrogate-key"].to_str().unwrap();
    assert!(
        keys.iter()
            .all(|key| written.split(' ').any(|own| own == key))
    );
    assert_eq!(fields.len(), 2);
}

#[tokio::test]
async fn a_private_response_gets_no_field() {
    let layer = CdnLayer::builder(TWO)
        .lifetime(day())
        .private_if(|_, headers| headers.contains_key("x-preview"))
        .build()
        .unwrap();
    let tagged = || get().extension(tags(&["a"]));
    let cases: [(&str, Builder, http::response::Builder); 12] = [
        ("method", tagged().method(Method::POST), ok()),
        (
            "credentials",
            tagged().header("authorization", "Bearer x"),
            ok(),
        ),
        ("credentials", tagged().header("x-api-key", "x"), ok()),
        ("credentials", tagged().header("cookie", "id=1"), ok()),
        ("set-cookie", tagged(), ok().header("set-cookie", "id=1")),
        (
            "set-cookie",
            tagged(),
            ok().header("set-cookie", "id=1")
                .header("cache-control", "public, max-age=60"),
        ),
        (
            "private",
            tagged(),
            ok().header("cache-control", "max-age=60, private"),
        ),
        (
            "no-store",
            tagged(),
            ok().header("cache-control", "no-store"),
        ),
        (
            "no-store",
            tagged(),
            ok().header("cdn-cache-control", "no-store"),
        ),
        (
            "private",
            tagged(),
            ok().header("surrogate-control", "private"),
        ),
        ("vary-all", tagged(), ok().header("vary", "*")),
        ("private-if", tagged().header("x-preview", "1"), ok()),
    ];
    for (reason, request, response) in cases {
        let before = layer.stats().not_marked;
        let own = response.headers_ref().unwrap().clone();
        let fields = through(&layer, request, response).await;
        assert_eq!(fields, own, "{reason}");
        let after = layer.stats().not_marked;
        let changed = before.iter().zip(after.iter());
        let changed: Vec<_> = changed.filter(|(old, new)| old != new).collect();
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].1.0, reason);
    }
    assert_eq!(layer.stats().marked, 0);
    assert_eq!(layer.stats().requests, 12);
}

#[tokio::test]
async fn a_response_for_everyone_is_marked_though_the_request_has_credentials() {
    let layer = layer(TWO);
    for control in ["public", "s-maxage=60", "max-age=0, must-revalidate"] {
        let request = get().header("authorization", "Bearer x");
        let fields = through(&layer, request, ok().header("cache-control", control)).await;
        assert!(fields.contains_key("surrogate-control"), "{control}");
    }
    // Nor does a field that the operator says does not count make it private.
    let fields = Credentials::default().without(&http::header::COOKIE);
    let builder: CdnLayerBuilder = CdnLayer::builder(TWO).lifetime(day()).credentials(fields);
    let request = get().header("cookie", "theme=dark");
    let fields = through(&builder.build().unwrap(), request, ok()).await;
    assert!(fields.contains_key("surrogate-control"));
}

#[tokio::test]
async fn the_field_that_a_response_has_already_decides() {
    let response = ok()
        .header("cache-control", "no-store")
        .header("cdn-cache-control", "max-age=5");
    let fields = through(&layer(TWO), get().extension(tags(&["a"])), response).await;
    assert_eq!(fields["cdn-cache-control"], "max-age=5");
    assert!(!fields.contains_key("surrogate-control"));
    assert_eq!(fields["cache-tag"], "a");
}

#[tokio::test]
async fn the_lifetime_is_for_good_answers_and_a_function_decides_about_others() {
    let lasting = async |layer: &CdnLayer, status: u16| {
        let status = StatusCode::from_u16(status).unwrap();
        let fields = through(layer, get(), ok().status(status)).await;
        fields
            .get("surrogate-control")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let plain = layer(TWO);
    for status in [200, 203, 204, 206, 300, 301, 308, 304] {
        assert!(lasting(&plain, status).await.is_some(), "{status}");
    }
    for status in [302, 307, 400, 401, 403, 404, 410, 429, 500, 501, 503] {
        assert!(lasting(&plain, status).await.is_none(), "{status}");
    }
    let minute = CdnLifetime::new(Duration::from_secs(60));
    let own = CdnLayer::builder(TWO)
        .lifetime(day())
        .lifetime_with(move |_, head| (head.status() != 200).then_some(minute))
        .build()
        .unwrap();
    assert_eq!(lasting(&own, 404).await.as_deref(), Some("max-age=60"));
    assert!(
        lasting(&own, 200)
            .await
            .unwrap()
            .starts_with("max-age=86400")
    );
    for status in [401, 403, 429, 500, 503] {
        assert!(lasting(&own, status).await.is_none(), "{status}");
    }
}

#[tokio::test]
async fn tags_that_do_not_fit_keep_the_response_out_of_the_cdn() {
    let layer = layer([Cdn::Cloudflare, Cdn::Fastly, Cdn::Nginx, Cdn::Varnish]);
    // 16,000 bytes with the separators, and one more.
    let fitting: Vec<String> = (0..160).map(|n| format!("{n:0>99}")).collect();
    let names = |names: &[String]| Tags(names.iter().map(|name| Box::from(&**name)).collect());
    let fields = through(&layer, get().extension(names(&fitting)), ok()).await;
    assert_eq!(fields["surrogate-key"].len(), 15_999);
    let lines: Vec<_> = fields.get_all("xkey").iter().collect();
    assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= 8_000));
    let keys = lines
        .iter()
        .flat_map(|line| line.to_str().unwrap().split(' '));
    assert_eq!(keys.count(), 160);

    let mut more = fitting;
    more.push("1".to_owned());
    let fields = through(&layer, get().extension(names(&more)), ok()).await;
    assert_eq!(fields["surrogate-control"], "no-store, max-age=0");
    assert_eq!(fields["cdn-cache-control"], "no-store, max-age=0");
    assert_eq!(fields["x-accel-expires"], "0");
    assert!(!fields.contains_key("surrogate-key") && !fields.contains_key("xkey"));
    assert_eq!(layer.stats().not_marked.too_many_tags, 1);
    // A hundredfold takes no more memory.
    let flood: Vec<String> = (0..16_000).map(|n| format!("{n:0>99}")).collect();
    through(&layer, get().extension(names(&flood)), ok()).await;
    assert_eq!(layer.stats().not_marked.too_many_tags, 2);
}

#[tokio::test]
async fn what_a_cache_inside_serves_stale_is_not_fresh_for_the_cdn() {
    let cache = CacheLayer::new(MemoryStore::new(1 << 20));
    let control = "max-age=3600, stale-while-revalidate=3600";
    for own in [None, Some("max-age=86400")] {
        let upstream = service_fn(move |_: Request<Full<Bytes>>| async move {
            let mut response = Response::builder()
                .header("cache-control", control)
                .header("surrogate-key", "a");
            if let Some(own) = own {
                response = response.header("surrogate-control", own);
            }
            Ok::<_, std::io::Error>(response.body(Full::<Bytes>::from("page")).unwrap())
        });
        let service = layer([Cdn::Fastly]).layer(cache.layer(upstream));
        let lifetime = async || {
            let request = get().body(Full::default()).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            let lifetime = response.headers()["surrogate-control"].clone();
            response.into_body().collect().await.unwrap();
            lifetime.to_str().unwrap().to_owned()
        };
        let fresh = lifetime().await;
        assert!(fresh.starts_with("max-age=86400"));
        assert_eq!(lifetime().await, fresh);
        cache
            .invalidator()
            .invalidate(&Invalidation::tag("a").soft());
        assert!(lifetime().await.starts_with("max-age=0"), "{own:?}");
        cache.invalidator().invalidate(&Invalidation::everything());
    }
    // Another cache says so by its own field.
    let response = ok().header("cache-status", "nginx; hit; ttl=-5");
    let fields = through(&layer([Cdn::Nginx]), get(), response).await;
    assert_eq!(fields["x-accel-expires"], "0");
}

#[tokio::test]
async fn a_field_for_the_cdn_that_the_upstream_has_set_stays() {
    let all = layer([Cdn::Nginx, Cdn::Cloudflare, Cdn::Fastly]);
    // The last is no list of directives.
    for (name, own) in [
        ("x-accel-expires", "0"),
        ("surrogate-control", "max-age=60+30"),
    ] {
        let fields = through(&all, get(), ok().header(name, own)).await;
        assert_eq!(fields[name], own);
    }
}

#[tokio::test]
async fn a_cdn_that_knows_no_tags_gets_none() {
    let names: Vec<Box<str>> = (0..16_000).map(|n| format!("{n:0>99}").into()).collect();
    let many = || get().extension(Tags(names.clone().into()));
    let fields = through(&layer([Cdn::Nginx, Cdn::Targeted]), many(), ok()).await;
    assert_eq!(fields["x-accel-expires"], "86400");
    assert_eq!(fields.len(), 2, "{fields:?}");
    let plain = CdnLayer::builder([Cdn::Nginx]).build().unwrap();
    through(&plain, many(), ok()).await;
    assert_eq!(plain.stats().not_marked.nothing, 1);
}

#[test]
fn a_layer_without_a_cdn_is_a_wrong_setting() {
    let error = CdnLayer::builder([]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "CdnLayer: `cdns` must be at least 1, not 0"
    );
    let twice = CdnLayer::builder([Cdn::Fastly, Cdn::Fastly]).build();
    assert!(twice.is_ok());
}
