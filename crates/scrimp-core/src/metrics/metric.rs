//! Declaration of a metric.

use metrics::Unit;

/// Declaration of a metric: its name, kind, help and the names of its labels.
///
/// Names follow the conventions of Prometheus: counters end in `_total`, and units are seconds,
/// bytes, or millionths of a currency's unit (`micros`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    name: &'static str,
    kind: MetricKind,
    help: &'static str,
    labels: &'static [&'static str],
}

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that also falls.
    Gauge,
    /// Single values, recorded one by one.
    Histogram,
}

// === impl Metric ===

impl Metric {
    /// Returns a number that only grows.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, MetricKind::Counter, help)
    }

    /// Returns a number that also falls.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, MetricKind::Gauge, help)
    }

    /// Returns a distribution of single values.
    #[must_use]
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self::new(name, MetricKind::Histogram, help)
    }

    const fn new(name: &'static str, kind: MetricKind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            help,
            labels: &[],
        }
    }

    /// Sets the names of the labels, besides `name`, which every metric has.
    #[must_use]
    pub const fn labels(mut self, labels: &'static [&'static str]) -> Self {
        self.labels = labels;
        self
    }

    /// Returns the name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> MetricKind {
        self.kind
    }

    /// Returns the description.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// Returns the names of the labels, besides `name`.
    #[must_use]
    pub const fn label_names(&self) -> &'static [&'static str] {
        self.labels
    }

    /// Returns the unit that the name ends in.
    #[must_use]
    pub fn unit(&self) -> Unit {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        match name.rsplit('_').next() {
            Some("seconds") => Unit::Seconds,
            Some("bytes") => Unit::Bytes,
            _ => Unit::Count,
        }
    }
}
