use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use super::*;
use crate::{Currency, Ledger, Timing};

static METRICS: [Metric; 3] = [
    Metric::counter("test_requests_total", "Requests.").labels(&["result"]),
    Metric::gauge("test_held_bytes", "Bytes held."),
    Metric::histogram("test_wait_seconds", "Time of waiting."),
];

#[derive(Clone, Default)]
struct Layer(Arc<State>);

#[derive(Default)]
struct State {
    hits: AtomicU64,
    bytes: AtomicU64,
    wait: Timing,
}

impl Metered for Layer {
    fn metrics() -> &'static [Metric] {
        &METRICS
    }

    fn read(&self, readings: &mut Readings) {
        readings.count(&METRICS[0], &["hit"], self.0.hits.load(Relaxed));
        readings.gauge(&METRICS[1], &[], self.0.bytes.load(Relaxed) as f64);
    }

    fn attach(&self, attachment: Attachment) {
        self.0.wait.attach(attachment.histogram(&METRICS[2], &[]));
    }
}

/// A source with a series for each of many names.
struct Flood(u64);

impl Metered for Flood {
    fn metrics() -> &'static [Metric] {
        &METRICS
    }

    fn read(&self, readings: &mut Readings) {
        for number in 0..self.0 {
            readings.count(&METRICS[0], &[&number.to_string()], 1);
        }
    }
}

/// Recorder, and the sums of what it was told.
fn rig() -> (MetricsReporter, impl FnMut() -> BTreeMap<String, f64>) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let mut sums = BTreeMap::new();
    let read = move || {
        add(&mut sums, &snapshotter);
        sums.clone()
    };
    (MetricsReporter::with_recorder(recorder), read)
}

/// A snapshot takes counts and recorded values out.
fn add(sums: &mut BTreeMap<String, f64>, snapshotter: &Snapshotter) {
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let labels: Vec<_> = key.key().labels().map(metrics::Label::value).collect();
        let sum = sums
            .entry(format!("{} {}", key.key().name(), labels.join(",")))
            .or_default();
        match value {
            DebugValue::Counter(count) => *sum += count as f64,
            DebugValue::Gauge(value) => *sum = value.0,
            DebugValue::Histogram(values) => {
                *sum += values.iter().map(|value| value.0).sum::<f64>();
            }
        }
    }
}

#[test]
fn the_recorder_gets_what_was_added_since_the_last_time() {
    let (reporter, mut read) = rig();
    let layer = Layer::default();
    layer.0.hits.store(2, Relaxed);
    reporter.add("shop", layer.clone());
    layer.0.bytes.store(7, Relaxed);
    reporter.publish();
    layer.0.hits.store(5, Relaxed);
    reporter.publish();
    reporter.publish();
    let told = read();
    assert_eq!(told["test_requests_total shop,hit"], 5.0);
    assert_eq!(told["test_held_bytes shop"], 7.0);
}

#[test]
fn a_layer_that_takes_the_place_of_another_goes_on_with_its_counts() {
    let (reporter, mut read) = rig();
    let old = Layer::default();
    reporter.add("shop", old.clone());
    old.0.hits.store(3, Relaxed);
    old.0.bytes.store(9, Relaxed);
    let new = Layer::default();
    new.0.hits.store(1, Relaxed);
    reporter.add("shop", new.clone());
    reporter.publish();
    assert_eq!(read()["test_requests_total shop,hit"], 4.0);
    assert_eq!(read()["test_held_bytes shop"], 0.0);
    new.0.bytes.store(5, Relaxed);
    reporter.publish();
    assert_eq!(read()["test_held_bytes shop"], 5.0);
    reporter.remove("shop");
    new.0.hits.store(2, Relaxed);
    reporter.publish();
    let told = read();
    assert_eq!(
        (
            told["test_requests_total shop,hit"],
            told["test_held_bytes shop"]
        ),
        (4.0, 0.0)
    );
}

#[test]
fn layers_of_two_names_have_series_of_their_own() {
    let (reporter, mut read) = rig();
    for (name, hits) in [("shop", 2), ("feed", 3)] {
        let layer = Layer::default();
        layer.0.hits.store(hits, Relaxed);
        reporter.add(name, layer);
    }
    reporter.publish();
    let told = read();
    assert_eq!(told["test_requests_total shop,hit"], 2.0);
    assert_eq!(told["test_requests_total feed,hit"], 3.0);
}

#[test]
fn times_are_recorded_once_the_layer_has_been_added() {
    let (reporter, mut read) = rig();
    let layer = Layer::default();
    layer.0.wait.record_f64(1.0);
    reporter.add("shop", layer.clone());
    layer.0.wait.record_f64(2.0);
    assert_eq!(read()["test_wait_seconds shop"], 2.0);
}

#[test]
fn a_flood_of_labels_becomes_a_bounded_number_of_series() {
    let (reporter, mut read) = rig();
    let names = MAX_SERIES as u64 * 100;
    reporter.add("shop", Flood(names));
    reporter.publish();
    let told = read();
    assert_eq!(told.len(), MAX_SERIES);
    assert_eq!(told.values().sum::<f64>(), names as f64);
    assert!(told["test_requests_total shop,(other)"] > 1.0);
}

#[test]
fn a_ledger_adds_up_tenants_and_routes() {
    let (reporter, mut read) = rig();
    let ledger = Ledger::new();
    for tenant in 0..1_000 {
        let account = ledger.account("cache", &tenant.to_string(), "/", Currency::USD);
        account.avoided("0.0000004".parse().expect("an amount"));
    }
    reporter.add("shop", ledger);
    reporter.publish();
    let told: Vec<_> = read()
        .into_iter()
        .filter(|(_, value)| *value > 0.0)
        .collect();
    let expected = [
        ("scrimp_ledger_avoided_micros_total shop,cache,USD", 400.0),
        ("scrimp_ledger_calls_avoided_total shop,cache", 1_000.0),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value)));
}
