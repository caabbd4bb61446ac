//! Figures that a recorder of the `metrics` facade gets.

mod rig;

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use rig::{Rig, eager, page, pass, seconds};
use scrimp_cache::{CacheLayer, MemoryStore};
use scrimp_core::Clock;
use scrimp_prefetch::{Precompute, RulePredictor};
use scrimp_testkit::{Reply, Scripted};
use tower::Layer;

/// Returns what the recorder was told, without zeros.
fn told(snapshotter: &Snapshotter) -> Vec<String> {
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
    told
}

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
    let told = told(&snapshotter);
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

#[tokio::test(start_paused = true)]
async fn what_became_of_responses_made_for_users_is_told_to_the_recorder() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (scripted, _) = Scripted::answering(|parts| Reply::respond(page(parts)));
    let cache = CacheLayer::new(MemoryStore::new(16 << 20)).layer(scripted);
    let precompute = Precompute::builder(cache, |user: &str| {
        let request = Request::get(format!("http://social.test/feeds/{user}"));
        request.body(Full::<Bytes>::default()).ok()
    });
    let precompute = precompute.price("0.01").clock(Clock::anchored(UNIX_EPOCH));
    let precompute = precompute.build().unwrap();
    for _ in 0..28 {
        pass(seconds(8 * 3_600 + 60)).await;
        precompute.seen("ann");
        pass(seconds(16 * 3_600 - 60)).await;
    }
    let stats = precompute.stats();
    assert!(stats.calls > 0 && stats.useful > 0, "{stats:?}");
    let mut expected = vec![
        format!("scrimp_precompute_calls_total  {}", stats.calls),
        format!("scrimp_precompute_ended_total useful {}", stats.useful),
        "scrimp_precompute_users  1".to_owned(),
    ];
    if stats.wasted > 0 {
        expected.push(format!(
            "scrimp_precompute_ended_total wasted {}",
            stats.wasted
        ));
        let spent = stats.spent.as_f64();
        expected.push(format!("scrimp_precompute_spent USD {spent}"));
    }
    expected.sort();
    assert_eq!(told(&snapshotter), expected);
}
