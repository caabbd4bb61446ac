//! Figures that a recorder of the `metrics` facade gets.

mod rig;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use rig::{Rig, eager, pass, seconds};
use scrimp_prefetch::RulePredictor;

#[tokio::test(start_paused = true)]
async fn what_became_of_prefetches_and_their_money_are_told_to_the_recorder() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let rig = Rig::new(eager().rules(RulePredictor::shop()));
    rig.get("ann", "/api/products/42").await;
    pass(seconds(10)).await;
    rig.get("ann", "/api/products/42/reviews").await;
    pass(seconds(121)).await;
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
    assert_eq!(
        told,
        [
            "scrimp_prefetch_calls_total  3",
            "scrimp_prefetch_ended_total useful 1",
            "scrimp_prefetch_ended_total wasted 2",
            "scrimp_prefetch_spared USD 0.1",
            "scrimp_prefetch_spent USD 0.002",
        ]
    );
}
