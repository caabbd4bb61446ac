//! Figures for a recorder of the `metrics` facade: all names and labels.

use metrics_util::debugging::DebuggingRecorder;
use scrimp::{
    core::{Currency, Money},
    cost_route::{Budget, Cap, CostRouteLayer, Period, Provider, Scope},
};
use tower::{Layer, ServiceExt, service_fn};

use super::{PROVIDER, Written, origin, requests};

#[tokio::test(start_paused = true)]
async fn a_recorder_of_metrics_gets_no_secret() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
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
    let service = layer.layer(service_fn(origin));
    for request in requests().into_iter().chain(requests()) {
        let response = service.clone().oneshot(request).await.expect("an answer");
        drop(response);
    }
    let mut written = Written::default();
    let figures = snapshotter.snapshot().into_vec();
    for (key, _, description, value) in &figures {
        written.debug("a figure", &(key.key(), description, value));
    }
    assert!(figures.len() >= 5, "{}", figures.len());
    written.has_no_secret();
}
