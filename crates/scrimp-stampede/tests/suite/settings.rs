//! Settings that cannot work, and the counters.

use crate::common;

use std::time::Duration;

use common::{ask, fresh, ms, request};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_stampede::{LocalFillLock, RefreshAhead, StampedeLayer, StampedeLayerBuilder, XFetch};
use scrimp_testkit::Scripted;
use tower::Layer;

/// A function that makes a setting invalid.
type Set = fn(StampedeLayerBuilder) -> StampedeLayerBuilder;

#[test]
fn each_setting_that_cannot_work_is_refused_by_name_and_range() {
    let cases: [(Set, &str); 12] = [
        (
            |layer| layer.read_ahead(0),
            "StampedeLayer: `read_ahead` must be at least 1, not 0",
        ),
        (
            |layer| layer.give_up_after(0, Duration::from_secs(30)),
            "StampedeLayer: `give_up_after` must be at least 1, not 0",
        ),
        (
            |layer| layer.lock(LocalFillLock::new(), Duration::ZERO),
            "StampedeLayer: `lease` must be at least 1ms, not 0ns",
        ),
        (
            |layer| layer.records(0),
            "StampedeLayer: `records` must be within 1 and 268435456, not 0",
        ),
        (
            |layer| layer.budget(f64::NAN),
            "StampedeLayer: `budget` must be within 0.0001 and 1.0, not NaN",
        ),
        (
            |layer| layer.budget(1.5),
            "StampedeLayer: `budget` must be within 0.0001 and 1.0, not 1.5",
        ),
        (
            |layer| layer.budget(0.0),
            "StampedeLayer: `budget` must be within 0.0001 and 1.0, not 0.0",
        ),
        (
            |layer| layer.select_by(["x-region", "x region"]),
            "StampedeLayer: `select_by` must be a field name: invalid HTTP header name",
        ),
        (
            |layer| layer.strategy(XFetch::new(0.0)),
            "XFetch: `beta` must be above 0.0 and at most 1000.0, not 0.0",
        ),
        (
            |layer| layer.strategy(XFetch::default().within(1.01)),
            "XFetch: `within` must be above 0.0 and at most 1.0, not 1.01",
        ),
        (
            |layer| layer.strategy(RefreshAhead::new(f64::NAN)),
            "RefreshAhead: `part` must be above 0.0 and at most 1.0, not NaN",
        ),
        (
            |layer| layer.strategy(RefreshAhead::new(1.5)),
            "RefreshAhead: `part` must be above 0.0 and at most 1.0, not 1.5",
        ),
    ];
    for (set, expected) in cases {
        let error = set(StampedeLayer::builder()).build().unwrap_err();
        assert_eq!(error.to_string(), expected);
        let first = set(StampedeLayer::builder()).read_ahead(0).build();
        assert_eq!(first.unwrap_err().to_string(), expected, "the first counts");
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_counts_for_all_services_of_its_clones() {
    let layer = StampedeLayer::new();
    let (service, upstream) = Scripted::answering(|_| fresh(60, "once for all", ms(5)));
    let cached = CacheLayer::new(MemoryStore::new(1 << 20)).layer(service);
    let one = layer.layer(cached.clone());
    let other = layer.clone().layer(cached);
    let (first, second) = tokio::join!(ask(one, request("/", &[])), ask(other, request("/", &[])),);
    assert_eq!(first.unwrap().text(), second.unwrap().text());
    assert_eq!((upstream.calls(), layer.stats().fills), (1, 1));
    assert_eq!(layer.stats(), layer.clone().stats());
}
