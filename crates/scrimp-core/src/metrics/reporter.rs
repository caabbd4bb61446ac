//! The reporter.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use metrics::Recorder;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{
    Metered, Metric, MetricKind,
    source::{METADATA, Source, key},
};

type SharedRecorder = Arc<dyn Recorder + Send + Sync>;

/// Reports what layers count to a recorder of the `metrics` facade.
///
/// Clones are handles to the same reporter. An exporter that is asked for its numbers, as that of
/// Prometheus is, needs a [`publish`](Self::publish) before each answer; one that sends them needs
/// [`publish_every`](Self::publish_every).
#[derive(Clone, Default)]
pub struct MetricsReporter(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// `None`: the one of the process.
    recorder: Option<SharedRecorder>,
    sources: Mutex<Sources>,
}

#[derive(Default)]
struct Sources {
    all: Vec<Source>,
    described: HashMap<&'static str, Metric>,
}

/// Means to record single values of a source.
#[derive(Clone)]
pub struct Attachment {
    name: Arc<str>,
    recorder: Option<SharedRecorder>,
}

// === impl MetricsReporter ===

impl MetricsReporter {
    /// Returns a reporter to the recorder of the process. Install that first: what is published
    /// without a recorder is lost.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a reporter to a recorder of its own, which need not be installed.
    #[must_use]
    pub fn with_recorder(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            recorder: Some(Arc::new(recorder)),
            sources: Mutex::default(),
        }))
    }

    /// Adds a source under a name of the operator's, which becomes the label `name`. It takes the
    /// place of a source of the same kind and name, whose counts stay: a layer can be replaced while
    /// the process runs.
    pub fn add<M: Metered + 'static>(&self, name: &str, metered: M) {
        metered.attach(Attachment {
            name: name.into(),
            recorder: self.0.recorder.clone(),
        });
        let mut source = Source::new(name, metered);
        with(self.0.recorder.as_ref(), |recorder| {
            let mut sources = self.0.sources.lock();
            for metric in M::metrics() {
                if sources.described.insert(metric.name(), *metric).is_none() {
                    describe(recorder, metric);
                }
            }
            let same = |one: &Source| *one.name == *name && one.kind == source.kind;
            match sources.all.iter().position(same) {
                Some(index) => {
                    sources.all[index].end(recorder);
                    source.publish(recorder);
                    sources.all[index] = source;
                }
                None => sources.all.push(source),
            }
        });
    }

    /// Removes the sources of a name, after a last look at their counts.
    pub fn remove(&self, name: &str) {
        with(self.0.recorder.as_ref(), |recorder| {
            let mut sources = self.0.sources.lock();
            sources.all.retain_mut(|source| {
                let stays = *source.name != *name;
                if !stays {
                    source.end(recorder);
                }
                stays
            });
        });
    }

    /// Gives the recorder the present numbers, and what was counted since the last time.
    pub fn publish(&self) {
        with(self.0.recorder.as_ref(), |recorder| {
            for source in &mut self.0.sources.lock().all {
                source.publish(recorder);
            }
        });
    }

    /// Publishes at intervals, without end. For recorders that send their numbers by themselves.
    pub async fn publish_every(&self, interval: Duration) {
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.publish();
        }
    }

    /// Returns all metrics of the sources that were added, ordered by name.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        let mut all: Vec<_> = self.0.sources.lock().described.values().copied().collect();
        all.sort_unstable_by_key(Metric::name);
        all
    }
}

impl fmt::Debug for MetricsReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.0.sources.lock();
        let names = sources.all.iter().map(|source| (source.kind, &source.name));
        f.debug_map().entries(names).finish()
    }
}

// === impl Attachment ===

impl Attachment {
    /// Returns a histogram of the source. `labels` are the values of the metric's labels, in their
    /// order.
    pub fn histogram(&self, metric: &'static Metric, labels: &[&str]) -> metrics::Histogram {
        debug_assert_eq!(metric.kind(), MetricKind::Histogram, "{}", metric.name());
        let pairs = metric
            .label_names()
            .iter()
            .copied()
            .zip(labels.iter().copied());
        let key = key(&self.name, metric.name(), pairs);
        with(self.recorder.as_ref(), |recorder| {
            recorder.register_histogram(&key, &METADATA)
        })
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attachment").field(&self.name).finish()
    }
}

/// Calls a function with a recorder, or with that of the process.
fn with<T>(own: Option<&SharedRecorder>, f: impl FnOnce(&dyn Recorder) -> T) -> T {
    match own {
        Some(own) => f(own),
        None => metrics::with_recorder(f),
    }
}

fn describe(recorder: &dyn Recorder, metric: &Metric) {
    let (name, unit, help) = (
        metric.name().into(),
        Some(metric.unit()),
        metric.help().into(),
    );
    match metric.kind() {
        MetricKind::Counter => recorder.describe_counter(name, unit, help),
        MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
        MetricKind::Histogram => recorder.describe_histogram(name, unit, help),
    }
}
