//! Settings out of range, and the handles of a layer.

use crate::rig;

use std::time::Duration;

use rig::{fetch, get};
use scrimp_coalesce::{CoalesceLayer, CoalesceLayerBuilder, OnError, ReuseWindow};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tower::Layer;

const NONE: Duration = Duration::ZERO;
const TWO_SECONDS: Duration = Duration::from_secs(2);

/// A function that sets an invalid value.
type Set = fn(CoalesceLayerBuilder) -> CoalesceLayerBuilder;

#[test]
fn each_setting_that_cannot_work_is_refused_by_name_and_range() {
    let cases: [(Set, &str); 12] = [
        (
            |layer| layer.max_bytes(0),
            "CoalesceLayer: `max_bytes` must be at least 1, not 0",
        ),
        (
            |layer| layer.max_total_bytes(0),
            "CoalesceLayer: `max_total_bytes` must be at least 1, not 0",
        ),
        (
            |layer| layer.max_keys(0),
            "CoalesceLayer: `max_keys` must be at least 1, not 0",
        ),
        (
            |layer| layer.max_wait(NONE),
            "CoalesceLayer: `max_wait` must be at least 1ns, not 0ns",
        ),
        (
            |layer| layer.on_error(OnError::Reelect { attempts: 0 }),
            "OnError: `attempts` must be at least 1, not 0",
        ),
        (
            |layer| layer.window(ReuseWindow::new().time(NONE)),
            "ReuseWindow: `time` must be within 1ns and 31536000s, not 0ns",
        ),
        (
            |layer| layer.window(ReuseWindow::new().errors(TWO_SECONDS)),
            "ReuseWindow: `errors` must be at most 1s, not 2s",
        ),
        (
            |layer| layer.window(ReuseWindow::new().max_bytes(0)),
            "ReuseWindow: `max_bytes` must be at least 1, not 0",
        ),
        (
            |layer| layer.remember(366 * 43_200 * TWO_SECONDS),
            "CoalesceLayer: `remember` must be at most 31536000s, not 31622400s",
        ),
        (
            |layer| layer.cache_status(Some("my cache")),
            "CoalesceLayer: `cache_status` must be a token such as edge-1, not \"my cache\"",
        ),
        (
            |layer| layer.ignore_headers(["x-trace", "x trace"]),
            "CoalesceLayer: `ignore_headers` must be a field name: invalid HTTP header name",
        ),
        (
            |layer| layer.price("a cent"),
            "CoalesceLayer: `price` must be an amount of money: \"a cent\" is not an amount of \
             money: write a decimal with at most twelve digits after the point, and a currency \
             code if it is not dollars (\"0.01\", \"2.5 EUR\")",
        ),
    ];
    for (set, expected) in cases {
        let error = set(CoalesceLayer::builder()).build().unwrap_err();
        assert_eq!(error.to_string(), expected);
        let first = set(CoalesceLayer::builder()).max_bytes(0).build();
        assert_eq!(first.unwrap_err().to_string(), expected, "the first counts");
    }
}

#[tokio::test]
async fn a_handle_watches_all_services_of_a_layer_and_of_its_clones() {
    let layer = CoalesceLayer::builder()
        .window(ReuseWindow::new())
        .build()
        .unwrap();
    let handle = layer.handle();
    let (inner, upstream) =
        Scripted::answering(|_| Reply::body(ScriptedBody::new().data("once for all")));
    let one = layer.layer(inner.clone());
    let other = layer.clone().layer(inner);
    for service in [one.clone(), other.clone(), one.clone()] {
        fetch(service, get("/")).await.unwrap();
    }
    assert_eq!((upstream.calls(), handle.stats().reused), (1, 2));
    assert_eq!(layer.stats(), layer.clone().stats());
    handle.forget_all();
    fetch(other, get("/")).await.unwrap();
    assert_eq!((upstream.calls(), layer.stats().calls), (2, 2));
}
