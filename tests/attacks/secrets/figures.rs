//! Figures for a recorder of the `metrics` facade: all names and labels.

use metrics_util::debugging::DebuggingRecorder;
use scrimp::{
    cache::{CacheLayer, MemoryStore},
    coalesce::CoalesceLayer,
    core::{Currency, Ledger, Money, metrics::MetricsReporter},
    cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, Scope},
    stampede::StampedeLayer,
};
use tower::{Layer, ServiceExt, service_fn};

use super::{PROVIDER, Written, origin, requests};

#[tokio::test(start_paused = true)]
async fn a_recorder_of_metrics_gets_no_secret() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let usd = |cents: i128| Money::from_pico(cents * 10_000_000_000, Currency::USD);
    let provider = Provider::new("paid")
        .endpoint("https://s3cr3t-user:pw@paid.example/v1")
        .bearer(PROVIDER)
        .price(usd(1));
    let caps = [
        Cap::new("all", usd(5), Period::Day),
        Cap::new("each", usd(3), Period::Day).tenants(Scope::Each),
    ];
    let layer = CostRouteLayer::builder([provider]).budget(Budget::new(caps));
    let layer = layer.build().expect("valid settings");
    let reporter = MetricsReporter::with_recorder(recorder);
    let ledger = Ledger::new();
    let cache = CacheLayer::builder(MemoryStore::new(1 << 20)).ledger(ledger.clone());
    let cache = cache.build().expect("valid settings");
    let (coalesce, stampede) = (CoalesceLayer::new(), StampedeLayer::new());
    reporter.add("route", layer.clone());
    reporter.add("cache", cache.clone());
    reporter.add("coalesce", coalesce.clone());
    reporter.add("stampede", stampede.clone());
    reporter.add("ledger", ledger);
    let service = (stampede, cache, coalesce).layer(layer.layer(service_fn(origin)));
    for request in requests().into_iter().chain(requests()) {
        let response = service.clone().oneshot(request).await.expect("an answer");
        drop(response);
    }
    reporter.publish();
    let mut written = Written::default();
    let figures = snapshotter.snapshot().into_vec();
    for (key, _, description, value) in &figures {
        written.debug("a figure", &(key.key(), description, value));
    }
    assert!(figures.len() >= 50, "{}", figures.len());
    written.has_no_secret();
}
