//! Values that a source has at one moment.

use std::collections::HashMap;

use super::{Metric, MetricKind};
use crate::Money;

/// Highest number of series of one metric and source.
pub const MAX_SERIES: usize = 1_000;

/// Label of the series for what has no series of its own.
const OTHER: &str = "(other)";

/// Values of one source at one moment. Values of equal labels are added up.
#[derive(Debug, Default)]
pub struct Readings {
    pub(super) values: HashMap<Series, Value>,
    /// Series of each metric.
    counts: HashMap<&'static str, usize>,
}

/// Metric and the values of its labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Series {
    pub(super) metric: &'static str,
    pub(super) labels: Vec<(&'static str, Box<str>)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Count(u64),
    Gauge(f64),
}

// === impl Readings ===

impl Readings {
    /// Reads a counter. `labels` are the values of the metric's labels, in their order.
    pub fn count(&mut self, metric: &'static Metric, labels: &[&str], count: u64) {
        debug_assert_eq!(metric.kind(), MetricKind::Counter, "{}", metric.name());
        if let Value::Count(sum) = self.series(metric, labels, Value::Count(0)) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Reads a counter of money, in millionths of its unit, with its currency as the last label.
    pub fn money(&mut self, metric: &'static Metric, labels: &[&str], money: Money) {
        let mut labels = labels.to_vec();
        let currency = money.currency();
        labels.push(currency.code());
        let micros = u64::try_from(money.pico() / 1_000_000);
        // A counter cannot fall below zero.
        self.count(metric, &labels, micros.unwrap_or(0));
    }

    /// Reads a number that also falls. `labels` are the values of the metric's labels, in their order.
    pub fn gauge(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        debug_assert_eq!(metric.kind(), MetricKind::Gauge, "{}", metric.name());
        if let Value::Gauge(sum) = self.series(metric, labels, Value::Gauge(0.0)) {
            *sum += value;
        }
    }

    fn series(&mut self, metric: &'static Metric, labels: &[&str], zero: Value) -> &mut Value {
        let names = metric.label_names();
        debug_assert_eq!(names.len(), labels.len(), "labels of {}", metric.name());
        let pairs = names
            .iter()
            .copied()
            .zip(labels.iter().map(|&label| label.into()));
        let mut series = Series {
            metric: metric.name(),
            labels: pairs.collect(),
        };
        if !self.values.contains_key(&series) {
            let count = self.counts.entry(metric.name()).or_default();
            *count += 1;
            if *count > MAX_SERIES - 1 {
                for (_, label) in &mut series.labels {
                    *label = OTHER.into();
                }
            }
        }
        self.values.entry(series).or_insert(zero)
    }
}
