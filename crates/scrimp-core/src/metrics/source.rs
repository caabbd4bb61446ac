//! A source, and what the recorder knows of it.

use std::{collections::HashMap, sync::Arc};

use metrics::{Key, Label, Level, Metadata, Recorder};

use super::{
    Metered, Readings,
    readings::{Series, Value},
};

/// Facts about where a metric comes from, which recorders may filter by.
pub(super) const METADATA: Metadata<'static> =
    Metadata::new("scrimp", Level::INFO, Some("scrimp_core::metrics"));

/// A source, and what the recorder knows of it.
pub(super) struct Source {
    pub(super) name: Arc<str>,
    /// Name of its first metric, which tells its kind.
    pub(super) kind: &'static str,
    metered: Box<dyn Metered>,
    counts: HashMap<Series, u64>,
    gauges: Vec<Series>,
}

// === impl Source ===

impl Source {
    pub(super) fn new<M: Metered + 'static>(name: &str, metered: M) -> Self {
        Self {
            name: name.into(),
            kind: M::metrics().first().map_or("", |metric| metric.name()),
            metered: Box::new(metered),
            counts: HashMap::new(),
            gauges: Vec::new(),
        }
    }

    /// Gives the recorder what has changed.
    pub(super) fn publish(&mut self, recorder: &dyn Recorder) {
        let mut readings = Readings::default();
        self.metered.read(&mut readings);
        self.fill(readings, recorder);
    }

    /// Gives the recorder the last counts, and zero for all present numbers.
    pub(super) fn end(&mut self, recorder: &dyn Recorder) {
        self.publish(recorder);
        self.fill(Readings::default(), recorder);
    }

    fn fill(&mut self, readings: Readings, recorder: &dyn Recorder) {
        let former = std::mem::take(&mut self.gauges);
        for series in former {
            if !readings.values.contains_key(&series) {
                recorder
                    .register_gauge(&self.key(&series), &METADATA)
                    .set(0.0);
            }
        }
        for (series, value) in readings.values {
            match value {
                Value::Count(count) => {
                    let counter = recorder.register_counter(&self.key(&series), &METADATA);
                    let before = self.counts.entry(series).or_default();
                    // A source may take a count back, and the recorder cannot.
                    counter.increment(count.saturating_sub(*before));
                    *before = count.max(*before);
                }
                Value::Gauge(value) => {
                    recorder
                        .register_gauge(&self.key(&series), &METADATA)
                        .set(value);
                    self.gauges.push(series);
                }
            }
        }
    }

    fn key(&self, series: &Series) -> Key {
        key(
            &self.name,
            series.metric,
            series.labels.iter().map(|(name, value)| (*name, &**value)),
        )
    }
}

/// Returns the key of a series.
pub(super) fn key<'a>(
    name: &Arc<str>,
    metric: &'static str,
    labels: impl Iterator<Item = (&'static str, &'a str)>,
) -> Key {
    let labels = labels.map(|(name, value)| Label::new(name, value.to_owned()));
    let own = Label::new("name", Arc::clone(name));
    Key::from_parts(
        metric,
        std::iter::once(own).chain(labels).collect::<Vec<_>>(),
    )
}
