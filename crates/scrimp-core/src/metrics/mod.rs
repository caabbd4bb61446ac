//! Counts of layers for the recorder of the [`metrics`](https://docs.rs/metrics) facade.
//!
//! A layer counts for its `stats()`, with or without this feature. A [`MetricsReporter`] reads these
//! counts when [`publish`](MetricsReporter::publish) is called, and gives the recorder what was
//! added since. So a request pays nothing for it, and a scrape sees the numbers that `stats()`
//! returns. Times are recorded one by one, where a request waits or calls an upstream.
//!
//! Series are bounded: their labels are the name that the operator gives to a layer, reasons and
//! outcomes from enums, and names of providers, caps and currencies from the operator's settings. A
//! metric has at most [`MAX_SERIES`] series per source; what is above is added up in one with
//! `(other)` for its labels.
//!
//! ```
//! use scrimp_core::{Currency, Ledger, metrics::MetricsReporter};
//!
//! let ledger = Ledger::new();
//! let reporter = MetricsReporter::new();
//! reporter.add("shop", ledger.clone());
//! ledger.account("cache", "acme", "/products", Currency::USD).avoided("0.01".parse()?);
//! reporter.publish(); // before each render of a Prometheus exporter
//! # Ok::<(), scrimp_core::ParseMoneyError>(())
//! ```

mod declare;
mod metric;
mod readings;
mod reporter;
mod source;
#[cfg(test)]
mod tests;

pub use metric::{Metric, MetricKind};
pub use readings::{MAX_SERIES, Readings};
pub use reporter::{Attachment, MetricsReporter};

/// Source of metrics: a layer, a store, a ledger.
pub trait Metered: Send + Sync {
    /// Returns all metrics that the source has.
    fn metrics() -> &'static [Metric]
    where
        Self: Sized;

    /// Reads the present values. It is called while the reporter is locked, and must not call it.
    fn read(&self, readings: &mut Readings);

    /// Takes the means to record single values, such as times. Default: there are none.
    fn attach(&self, _attachment: Attachment) {}
}
