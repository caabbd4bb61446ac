//! Figures that a recorder of the `metrics` facade gets.

mod rig;

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use rig::{Rig, eager, page, pass, seconds};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::{Clock, metrics::MetricsReporter};
use scrimp_prefetch::{Precompute, RulePredictor};
use scrimp_testkit::{Reply, Scripted};
use tower::Layer;

/// Returns what the recorder was told, without zeros.
fn told(snapshotter: &Snapshotter) -> Vec<String> {
    let told = snapshotter.snapshot().into_vec().into_iter();
    told.map(|(key, _, _, value)| {
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
    .collect()
}

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
    let told = told(&snapshotter);
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

#[tokio::test(start_paused = true)]
async fn what_became_of_responses_made_for_users_is_told_to_the_recorder() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let reporter = MetricsReporter::with_recorder(recorder);
    let (scripted, _) = Scripted::answering(|parts| Reply::respond(page(parts)));
    let cache = CacheLayer::new(MemoryStore::new(16 << 20)).layer(scripted);
    let precompute = Precompute::builder(cache, |user: &str| {
        let request = Request::get(format!("http://social.test/feeds/{user}"));
        request.body(Full::<Bytes>::default()).ok()
    });
    let precompute = precompute.price("0.01").clock(Clock::anchored(UNIX_EPOCH));
    let precompute = precompute.build().unwrap();
    reporter.add("feeds", precompute.clone());
    for _ in 0..28 {
        pass(seconds(8 * 3_600 + 60)).await;
        precompute.seen("ann");
        pass(seconds(16 * 3_600 - 60)).await;
    }
    reporter.publish();
    let stats = precompute.stats();
    assert!(stats.calls > 0 && stats.useful > 0, "{stats:?}");
    let told = told(&snapshotter);
    for line in [
        format!("scrimp_precompute_calls_total feeds {}", stats.calls),
        format!(
            "scrimp_precompute_outcomes_total feeds,useful {}",
            stats.useful
        ),
        "scrimp_precompute_users feeds 1".to_owned(),
    ] {
        assert!(told.contains(&line), "{line}: {told:#?}");
    }
}
