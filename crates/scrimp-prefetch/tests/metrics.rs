//! Figures that a recorder of the `metrics` facade gets.

mod rig;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use rig::{Rig, eager, pass, seconds};
use scrimp_core::metrics::MetricsReporter;
use scrimp_prefetch::RulePredictor;

#[tokio::test(start_paused = true)]
async fn what_became_of_prefetches_and_their_money_are_told_to_the_recorder() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let reporter = MetricsReporter::with_recorder(recorder);
    let rig = Rig::new(eager().rules(RulePredictor::shop()));
    reporter.add("shop", rig.layer.clone());
    rig.get("ann", "/api/products/42").await;
    pass(seconds(10)).await;
    rig.get("ann", "/api/products/42/reviews").await;
    pass(seconds(121)).await;
    reporter.publish();
    let told = snapshotter.snapshot().into_vec().into_iter();
    let mut told: Vec<_> = told
        .map(|(key, _, _, value)| {
            let key = key.key();
            let labels: Vec<_> = key.labels().map(metrics::Label::value).collect();
            let value = match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => value.0,
                DebugValue::Histogram(values) => panic!("{values:?}"),
            };
            format!("{} {} {value}", key.name(), labels.join(","))
        })
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    told.sort();
    let expected = [
        "scrimp_prefetch_calls_total shop 3",
        "scrimp_prefetch_outcomes_total shop,useful 1",
        "scrimp_prefetch_outcomes_total shop,wasted 2",
        "scrimp_prefetch_spared_micros_total shop,USD 100000",
        "scrimp_prefetch_spent_micros_total shop,USD 2000",
    ];
    for line in expected {
        assert!(told.iter().any(|told| told == line), "{line}: {told:#?}");
    }
}
