//! Times of calls, by provider.

use std::time::Duration;

#[cfg(feature = "metrics")]
use scrimp_core::metrics::{Attachment, Metric};

/// Times of calls. They are recorded if the layer has been added to a reporter of metrics.
#[derive(Debug, Default)]
pub(crate) struct CallTimes {
    #[cfg(feature = "metrics")]
    attached: std::sync::OnceLock<(Attachment, &'static Metric)>,
}

// === impl CallTimes ===

impl CallTimes {
    /// Records the time of a call, which is read only if it is recorded.
    pub(crate) fn record(&self, provider: &str, time: impl FnOnce() -> Duration) {
        #[cfg(feature = "metrics")]
        if let Some((attachment, metric)) = self.attached.get() {
            attachment.histogram(metric, &[provider]).record(time());
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (self, provider, time);
    }

    /// Sets where to record them, once.
    #[cfg(feature = "metrics")]
    pub(crate) fn attach(&self, attachment: Attachment, metric: &'static Metric) {
        let _ = self.attached.set((attachment, metric));
    }
}
