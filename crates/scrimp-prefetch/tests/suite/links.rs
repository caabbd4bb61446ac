//! Links for browsers: which pages have them, and what becomes of requests that follow from them.

use crate::rig;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header::LINK};
use http_body_util::Full;
use rig::{eager, get, pass, seconds};
use scrimp_prefetch::{PrefetchLayer, PrefetchLayerBuilder, RulePredictor};
use tower::{Layer, ServiceExt, service_fn};

fn layer(change: impl FnOnce(PrefetchLayerBuilder) -> PrefetchLayerBuilder) -> PrefetchLayer {
    let rules = RulePredictor::new().rule("/a", "/b?c", 0.9, seconds(0));
    let builder = eager().rules(rules.unwrap()).browser_links();
    change(builder).build().unwrap()
}

/// Makes a page after a time, and returns the links that its response has.
async fn links(
    layer: &PrefetchLayer,
    request: Request<Full<Bytes>>,
    control: &'static str,
    time: Duration,
) -> Vec<String> {
    let page = service_fn(move |_: Request<Full<Bytes>>| async move {
        if !time.is_zero() {
            pass(time).await;
        }
        let response = Response::builder().header("content-type", "text/html");
        let response = response.header("cache-control", control);
        Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap())
    });
    let response = layer.layer(page).oneshot(request).await.unwrap();
    pass(Duration::from_millis(1)).await;
    let links = response.headers().get_all(LINK).iter();
    links
        .map(|link| link.to_str().unwrap().to_owned())
        .collect()
}

const TIME: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn a_page_of_one_session_links_to_what_it_is_expected_to_visit_next() {
    let layer = layer(|builder| builder);
    let expected = ["</b?c>; rel=prefetch"];
    let own = links(&layer, get("ann", "/a"), "private", TIME).await;
    assert_eq!(own, expected);
    let own = links(&layer, get("bob", "/a"), "no-store", TIME).await;
    assert_eq!(own, expected);
    let stats = layer.stats();
    assert_eq!(
        (stats.requests, stats.calls, stats.hints),
        (2, 0, 2),
        "{stats:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_that_others_may_get_or_that_is_there_at_once_has_no_links() {
    let layer = layer(|builder| builder);
    for control in ["max-age=60", "", "public"] {
        let none = links(&layer, get("ann", "/a"), control, TIME).await;
        assert!(none.is_empty(), "{control} {none:?}");
    }
    let none = links(&layer, get("ann", "/a"), "private", Duration::ZERO).await;
    assert!(none.is_empty(), "{none:?}");
    assert_eq!(layer.stats().requests, 4);
}

#[tokio::test(start_paused = true)]
async fn links_name_only_what_pays_within_the_budget() {
    for (change, count) in [
        (
            (|builder: PrefetchLayerBuilder| builder.value_of_waiting("0.0001"))
                as fn(PrefetchLayerBuilder) -> PrefetchLayerBuilder,
            0,
        ),
        (|builder| builder.budget_per_hour("0.0005"), 0),
        (|builder| builder.budget_per_hour("0.001"), 1),
    ] {
        let layer = layer(change);
        let found = links(&layer, get("ann", "/a"), "private", TIME).await;
        assert_eq!(found.len(), count);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_a_browser_makes_ahead_of_time_is_counted_and_no_visit() {
    let layer = layer(|builder| builder);
    let ahead = |name: &'static str, value: &'static str| {
        let mut request = get("ann", "/a");
        let fields: &mut HeaderMap = request.headers_mut();
        fields.insert(name, value.parse().unwrap());
        request
    };
    for request in [
        ahead("sec-purpose", "prefetch"),
        ahead("sec-purpose", "prefetch;prerender"),
        ahead("purpose", "prefetch"),
    ] {
        let none = links(&layer, request, "private", TIME).await;
        assert!(none.is_empty(), "{none:?}");
    }
    let stats = layer.stats();
    assert_eq!(
        (stats.browser_prefetches, stats.bypassed),
        (3, 3),
        "{stats:?}"
    );
    assert_eq!(
        (stats.requests, stats.sessions, stats.predictions),
        (0, 0, 0),
        "{stats:?}"
    );
}
