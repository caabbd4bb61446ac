//! Times that a layer takes, for a histogram.

use std::time::Duration;

/// Times of one kind, such as those of waiting in a queue. They are recorded in a histogram, if the
/// feature `metrics` is on and the layer has been added to a reporter; and not kept otherwise.
#[derive(Debug, Default)]
pub struct Timing {
    #[cfg(feature = "metrics")]
    histogram: std::sync::OnceLock<Histogram>,
}

#[cfg(feature = "metrics")]
struct Histogram(metrics::Histogram);

// === impl Timing ===

impl Timing {
    /// Records a time.
    #[inline]
    pub fn record(&self, time: Duration) {
        self.record_f64(time.as_secs_f64());
    }

    /// Records a value other than a time, such as the size of a batch.
    #[inline]
    pub fn record_f64(&self, value: f64) {
        #[cfg(feature = "metrics")]
        if let Some(histogram) = self.histogram.get() {
            histogram.0.record(value);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (self, value);
    }

    /// Reports whether times are recorded.
    #[inline]
    #[must_use]
    pub fn is_attached(&self) -> bool {
        #[cfg(feature = "metrics")]
        return self.histogram.get().is_some();
        #[cfg(not(feature = "metrics"))]
        false
    }

    /// Sets the histogram, if there is none yet.
    #[cfg(feature = "metrics")]
    pub fn attach(&self, histogram: metrics::Histogram) {
        let _ = self.histogram.set(Histogram(histogram));
    }
}

#[cfg(feature = "metrics")]
impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Histogram")
    }
}
