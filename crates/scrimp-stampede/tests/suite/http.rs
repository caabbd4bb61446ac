//! The layer over caches that speak only HTTP.

use crate::common;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{Fields, ask, ms, request, seconds, settle};
use http::request::Parts;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use scrimp_core::{BoxError, box_error};
use scrimp_stampede::{RefreshAhead, Stampede, StampedeLayer, StampedeLayerBuilder};
use scrimp_testkit::{Scripted, Upstream};
use tokio::time::{Instant, advance};
use tower::Layer;

/// Header fields by which a cache reports its action, given the age of a hit.
type Dialect = fn(Option<u64>) -> Vec<(&'static str, String)>;

/// Returns a cache in front of an origin whose responses are fresh for 60 s: one shared entry.
fn cache(dialect: Dialect, obeys: bool) -> (Scripted, Upstream, Arc<Mutex<usize>>) {
    let stored: Arc<Mutex<Option<Instant>>> = Arc::default();
    let fetched: Arc<Mutex<usize>> = Arc::default();
    let counted = Arc::clone(&fetched);
    let (service, upstream) = Scripted::answering(move |parts: &Parts| {
        let forced = obeys
            && parts
                .headers
                .get("cache-control")
                .is_some_and(|v| v == "no-cache");
        let mut stored = stored.lock();
        let age = stored
            .map(|at| at.elapsed().as_secs())
            .filter(|&age| age < 60 && !forced);
        let mut takes = ms(2);
        if age.is_none() {
            *counted.lock() += 1;
            *stored = Some(Instant::now());
            takes = seconds(1);
        }
        let said = dialect(age);
        let mut fields = vec![("cache-control", "max-age=60")];
        fields.extend(said.iter().map(|(name, value)| (*name, value.as_str())));
        common::reply(200, &fields, &counted.lock().to_string()).delay(takes)
    });
    (service, upstream, fetched)
}

const DIALECTS: [Dialect; 4] = [
    // Age alone (RFC 9111).
    |age| vec![("age", age.unwrap_or(0).to_string())],
    // Cache-Status (RFC 9211).
    |age| {
        let verdict = match age {
            Some(age) => format!("Edge; hit; ttl={}", 60 - age),
            None => "Edge; fwd=uri-miss; stored".to_owned(),
        };
        vec![("cache-status", verdict)]
    },
    // X-Cache with Age, as CDNs send it.
    |age| {
        let word = if age.is_some() { "HIT" } else { "MISS" };
        vec![
            ("x-cache", word.to_owned()),
            ("age", age.unwrap_or(0).to_string()),
        ]
    },
    // X-Cache-Status without Age, as nginx sends it.
    |age| {
        vec![(
            "x-cache-status",
            if age.is_some() { "HIT" } else { "MISS" }.to_owned(),
        )]
    },
];

fn ahead() -> StampedeLayerBuilder {
    StampedeLayer::builder().strategy(RefreshAhead::new(0.1))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_refreshed_before_it_expires_in_every_dialect() {
    for dialect in DIALECTS {
        let (service, _, fetched) = cache(dialect, true);
        let layer = ahead().build().unwrap();
        let service = layer.layer(service);
        let get = async || {
            ask(service.clone(), request("/", &[]))
                .await
                .expect("an answer")
        };
        get().await;
        for _ in 0..300 {
            advance(seconds(1)).await;
            let hit = get().await;
            assert_eq!(hit.waited, ms(2), "no caller waits for the origin");
        }
        // Every 54 seconds, within the precision of whole seconds.
        let fetched = *fetched.lock();
        assert!((6..=7).contains(&fetched), "{fetched}");
        assert_eq!(layer.stats().refresh_failures, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cold_key_is_filled_once_in_every_dialect() {
    for dialect in DIALECTS {
        let (service, upstream, fetched) = cache(dialect, true);
        let service = ahead().build().unwrap().layer(service);
        let callers = (0..100).map(|_| tokio::spawn(ask(service.clone(), request("/", &[]))));
        let answers = common::all(callers.collect()).await;
        assert!(answers.iter().all(|answer| answer.text() == "1"));
        assert_eq!(
            (*fetched.lock(), upstream.calls()),
            (1, 100),
            "all ask for themselves"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_does_not_refresh_when_asked_is_left_alone() {
    let (service, upstream, _) = cache(DIALECTS[0], false);
    let layer = ahead().give_up_after(3, seconds(600)).build().unwrap();
    let service = layer.layer(service);
    for _ in 0..50 {
        ask(service.clone(), request("/", &[]))
            .await
            .expect("an answer");
        advance(seconds(1)).await;
    }
    let before = upstream.calls();
    for _ in 0..900 {
        ask(service.clone(), request("/", &[]))
            .await
            .expect("an answer");
        advance(ms(10)).await;
    }
    let stats = layer.stats();
    assert_eq!(
        (stats.refreshes, stats.refresh_failures, stats.given_up),
        (3, 3, 1)
    );
    assert_eq!(upstream.calls() - before, 903);
}

#[tokio::test(start_paused = true)]
async fn without_a_sign_of_a_cache_everything_passes_untouched() {
    let (service, upstream) = Scripted::answering(|parts| {
        assert!(parts.headers.is_empty(), "{:?}", parts.headers);
        common::reply(200, &[("cache-control", "max-age=60")], "x").delay(seconds(1))
    });
    let layer = ahead().build().unwrap();
    let service = layer.layer(service);
    ask(service.clone(), request("/", &[]))
        .await
        .expect("an answer");
    for _ in 0..3 {
        let callers = (0..20).map(|_| tokio::spawn(ask(service.clone(), request("/", &[]))));
        let answers = common::all(callers.collect()).await;
        assert!(
            answers.iter().all(|answer| answer.waited == seconds(1)),
            "in parallel"
        );
        advance(seconds(30)).await;
    }
    assert_eq!((upstream.calls(), layer.stats().refreshes), (61, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_asks_for_the_whole_as_its_caller_would() {
    let (service, upstream) = Scripted::answering(|parts| {
        let age = if parts.headers.contains_key("cache-control") {
            "0"
        } else {
            "58"
        };
        common::reply(200, &[("cache-control", "max-age=60"), ("age", age)], "x")
    });
    let service = ahead().build().unwrap().layer(service);
    let fields: Fields<'_> = &[
        ("accept", "text/plain"),
        ("authorization", "Bearer me"),
        ("if-none-match", "\"a\""),
        ("range", "bytes=0-0"),
        ("if_range", "\"a\""),
        ("x-other", "1"),
    ];
    for _ in 0..3 {
        let mut request = request("/a?b", fields);
        let tenant = scrimp_core::extensions::Tenant(Arc::from("acme"));
        request.extensions_mut().insert(tenant);
        ask(service.clone(), request).await.expect("an answer");
        settle().await;
    }
    let requests = upstream.requests();
    let refresh = requests
        .iter()
        .find(|parts| parts.headers.contains_key("cache-control"));
    let refresh = refresh.expect("a refresh");
    let value = |name: &str| {
        refresh
            .headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    };
    assert_eq!(
        (refresh.uri.to_string().as_str(), value("cache-control")),
        ("/a?b", Some("no-cache"))
    );
    assert_eq!(
        (value("authorization"), value("x-other")),
        (Some("Bearer me"), Some("1"))
    );
    for partial in ["if-none-match", "range", "if_range"] {
        assert_eq!(value(partial), None, "{partial}");
    }
    let tenant = refresh.extensions.get::<scrimp_core::extensions::Tenant>();
    assert_eq!(tenant.map(|tenant| &*tenant.0), Some("acme"));
}

#[tokio::test(start_paused = true)]
async fn other_methods_and_requests_with_directives_pass_at_once() {
    let gate = scrimp_testkit::Gate::new();
    let held = gate.clone();
    let (service, upstream) = Scripted::answering(move |parts| {
        let reply = common::reply(200, &[("cache-control", "max-age=60"), ("age", "0")], "x");
        match parts.headers.is_empty() && parts.method == "GET" {
            true => reply.gate(&held),
            false => reply,
        }
    });
    let service: Stampede<_> = StampedeLayer::new().layer(service);
    let filling = tokio::spawn(ask(service.clone(), request("/", &[])));
    gate.reached(1).await;
    let mut post = request("/", &[]);
    *post.method_mut() = http::Method::POST;
    let wish = request("/", &[("cache-control", "no-cache")]);
    for request in [post, wish] {
        let answer = ask(service.clone(), request).await.expect("an answer");
        assert_eq!(answer.waited, Duration::ZERO);
    }
    assert_eq!(upstream.calls(), 3);
    gate.open();
    filling.await.expect("no panic").expect("an answer");
}

#[tokio::test(start_paused = true)]
async fn bodies_need_no_sync_and_the_error_type_is_kept() {
    let service = tower::service_fn(|_: http::Request<http_body_util::Full<Bytes>>| async {
        let body: UnsyncBoxBody<Bytes, BoxError> = http_body_util::Full::from("x")
            .map_err(box_error)
            .boxed_unsync();
        Ok::<_, std::convert::Infallible>(http::Response::new(body))
    });
    let service = StampedeLayer::new().layer(service);
    scrimp_testkit::assert_send_value(&service);
    let call = tower::ServiceExt::oneshot(service, request("/", &[]));
    scrimp_testkit::assert_send_value(&call);
    let Ok(response) = call.await;
    scrimp_testkit::assert_send_value(&response);
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn callers_of_one_nested_router_do_not_wait_for_a_fill_in_another() {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;

    let items = || async {
        tokio::time::sleep(seconds(1)).await;
        ([("x-cache", "MISS"), ("cache-control", "max-age=60")], "x")
    };
    let layer = StampedeLayer::new();
    let part = Router::new().route("/items", get(items)).layer(layer);
    let app = Router::new().nest("/v1", part.clone()).nest("/v2", part);
    let ask = async |uri: &str| {
        let begun = tokio::time::Instant::now();
        let request = http::Request::get(uri).body(Body::empty()).expect("a URI");
        let response = app.clone().oneshot(request).await.expect("an answer");
        response.into_body().collect().await.expect("a body");
        begun.elapsed().as_secs()
    };
    let waited = tokio::join!(ask("/v1/items"), ask("/v2/items"), ask("/v1/items"));
    assert_eq!(
        waited,
        (1, 1, 2),
        "the third waits for the first, in vain here"
    );
}
