//! URIs that are equal to the layer, and URIs that are not.

use crate::rig;

use bytes::Bytes;
use http::{Method, Request, Uri, Version};
use http_body_util::Full;
use rig::{begun, fetch, over};
use scrimp_coalesce::CoalesceLayer;
use scrimp_testkit::{Gate, Reply, ScriptedBody};

fn ask(method: Method, uri: &str, host: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    request.body(Full::default()).unwrap()
}

/// Counts the calls for two concurrent requests.
fn calls(requests: [Request<Full<Bytes>>; 2]) -> usize {
    calls_of(&CoalesceLayer::new(), requests)
}

/// Counts the calls of a layer for two concurrent requests.
fn calls_of(layer: &CoalesceLayer, requests: [Request<Full<Bytes>>; 2]) -> usize {
    let gate = Gate::new();
    let (service, upstream) = over(layer, move |_| Reply::body(ScriptedBody::new()).gate(&gate));
    let _pair = requests.map(|request| begun(fetch(service.clone(), request)));
    upstream.calls()
}

#[tokio::test(start_paused = true)]
async fn equivalent_schemes_hosts_and_ports_are_one_call_and_other_spellings_of_a_path_are_not() {
    let get = |uri: &str| ask(Method::GET, uri, None);
    for same in [
        "HTTP://shop.test/p",
        "http://Shop.TEST/p",
        "http://shop.test:80/p",
    ] {
        assert_eq!(calls([get("http://shop.test/p"), get(same)]), 1, "{same}");
    }
    for other in [
        "https://shop.test/p",
        "http://shop.test./p",
        "http://shop.test:443/p",
        "http://ann@shop.test/p",
        "http://shop.test/%70",
    ] {
        assert_eq!(calls([get("http://shop.test/p"), get(other)]), 2, "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn host_counts_by_what_it_means() {
    let get = |uri: &str, host: &str| ask(Method::GET, uri, Some(host));
    assert_eq!(calls([get("/", "shop.test"), get("/", "Shop.Test")]), 1);
    assert_eq!(calls([get("/", "shop.test"), get("/", "other.test")]), 2);
    let whole = "http://shop.test/";
    assert_eq!(
        calls([get(whole, "shop.test"), get(whole, "shop.test:80")]),
        1
    );
    assert_eq!(calls([get(whole, "shop.test"), get(whole, "evil.test")]), 2);
    let mut twice = get("/", "shop.test");
    twice
        .headers_mut()
        .append("host", "evil.test".parse().unwrap());
    assert_eq!(calls([get("/", "shop.test"), twice]), 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_the_operator_ignores_is_no_part_of_the_target() {
    let gate = Gate::new();
    let layer = CoalesceLayer::builder()
        .ignore_headers([http::header::HOST])
        .build()
        .unwrap();
    let (service, upstream) = over(&layer, move |_| {
        Reply::body(ScriptedBody::new()).gate(&gate)
    });
    let _pair = ["a", "b"].map(|host| {
        let request = ask(Method::GET, "/", Some(host));
        begun(fetch(service.clone(), request))
    });
    assert_eq!(upstream.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_seen_by_readers_of_every_spelling() {
    for written in [
        "http://shop.test/%70",
        "http://shop.test:80/x/../p",
        "https://SHOP.test:443/p",
        "http://shop.test./p",
    ] {
        let gate = Gate::new();
        let (service, upstream) = over(&CoalesceLayer::new(), move |parts| {
            match parts.method.is_safe() {
                true => Reply::body(ScriptedBody::new()).gate(&gate),
                false => Reply::body(ScriptedBody::new()),
            }
        });
        let get = || {
            begun(fetch(
                service.clone(),
                ask(Method::GET, "http://shop.test/p", None),
            ))
        };
        let _before = get();
        let write = ask(Method::PUT, written, None);
        fetch(service.clone(), write).await.unwrap();
        let _after = get();
        assert_eq!(upstream.calls(), 3, "{written}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_target_uri_is_found_where_the_layer_is_told() {
    let shown = |target: &str, shown: &str| {
        let mut request = ask(Method::GET, shown, Some("shop.test"));
        request
            .extensions_mut()
            .insert(target.parse::<Uri>().unwrap());
        request
    };
    let calls = |requests: [Request<Full<Bytes>>; 2]| {
        let gate = Gate::new();
        let layer = CoalesceLayer::builder()
            .target_uri(http::Extensions::get::<Uri>)
            .build()
            .unwrap();
        let (service, upstream) = over(&layer, move |_| {
            Reply::body(ScriptedBody::new()).gate(&gate)
        });
        let _pair = requests.map(|request| begun(fetch(service.clone(), request)));
        upstream.calls()
    };
    let first = || shown("/v1/items", "/items");
    assert_eq!(calls([first(), first()]), 1);
    assert_eq!(calls([first(), shown("/v2/items", "/items")]), 2);
    assert_eq!(
        calls([shown("/", "/de/"), shown("/", "/fr/")]),
        2,
        "rewritten"
    );
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn nested_routers_of_one_layer_never_give_one_anothers_answers() {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        time::Duration,
    };

    use axum::{Router, body::Body, extract::OriginalUri, routing::get};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    let made = Arc::new(AtomicUsize::new(0));
    let items = {
        let made = Arc::clone(&made);
        move |OriginalUri(uri): OriginalUri| async move {
            made.fetch_add(1, Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            uri.path().to_owned()
        }
    };
    let layer = CoalesceLayer::new();
    let part = Router::new()
        .route("/items", get(items))
        .layer(layer.clone());
    let app = Router::new().nest("/v1", part.clone()).nest("/v2", part);
    let ask = async |uri: &'static str| {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), uri);
    };
    tokio::join!(ask("/v1/items"), ask("/v2/items"), ask("/v1/items"));
    assert_eq!((made.load(Relaxed), layer.stats().joined), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn all_versions_of_http_share_a_call_inside_a_server_and_hosts_that_disagree_do_not() {
    let received = |version, uri: &str, host: Option<&str>| {
        let mut request = ask(Method::GET, uri, host);
        *request.version_mut() = version;
        let target: Uri = uri.parse().unwrap();
        request.extensions_mut().insert(target);
        request
    };
    let find = || {
        let layer = CoalesceLayer::builder().target_uri(http::Extensions::get::<Uri>);
        layer.build().unwrap()
    };
    let first = || received(Version::HTTP_11, "/p", Some("shop.test"));
    for version in [Version::HTTP_2, Version::HTTP_3] {
        for uri in ["http://shop.test/p", "https://Shop.test/p"] {
            for host in [None, Some("shop.test")] {
                let second = received(version, uri, host);
                assert_eq!(calls_of(&find(), [first(), second]), 1, "{uri} {host:?}");
            }
            let evil = || received(version, uri, Some("evil.test"));
            assert_eq!(calls_of(&find(), [first(), evil()]), 2, "{uri}");
            let lured = received(Version::HTTP_11, "/p", Some("evil.test"));
            assert_eq!(calls_of(&find(), [lured, evil()]), 2, "{uri}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_lines_of_host_are_a_request_of_their_own() {
    for hosts in [["shop.test", "evil.test"], ["shop.test", "shop.test"]] {
        let [first, second] = hosts;
        let mut twice = ask(Method::GET, "/p", Some(first));
        twice.headers_mut().append("host", second.parse().unwrap());
        let honest = ask(Method::GET, "/p", Some("shop.test"));
        assert_eq!(calls([honest, twice]), 2, "{hosts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_makes_calls_of_its_own_for_http_and_https_over_every_version() {
    for version in [Version::HTTP_11, Version::HTTP_2, Version::HTTP_3] {
        let pair = ["http://shop.test/p", "https://shop.test/p"].map(|uri| {
            let mut request = ask(Method::GET, uri, None);
            *request.version_mut() = version;
            request
        });
        assert_eq!(calls(pair), 2, "{version:?}");
    }
}
