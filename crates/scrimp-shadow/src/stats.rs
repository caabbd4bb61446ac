//! Counters of a layer.

use scrimp_core::{Counter, share_of};

/// Counters that all services of a layer share.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) skipped: Counter,
    pub(crate) cut: Counter,
    pub(crate) calls: Counter,
    pub(crate) unanswered: Counter,
    pub(crate) panicked: Counter,
}

/// Counters of a layer since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ShadowStats {
    /// Live requests.
    pub requests: u64,
    /// Live requests that the tried layer was not shown: it had too many already, or there was no runtime.
    pub skipped: u64,
    /// Responses whose bodies were not shown to their end: too many bytes were waiting.
    pub cut: u64,
    /// Calls that the tried layer made for the requests that it was shown.
    pub calls: u64,
    /// Calls among them to which no live response fits: a second one for the same request, or one that is the
    /// layer's own.
    pub unanswered: u64,
    /// Requests at which the tried layer panicked.
    pub panicked: u64,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn read(&self) -> ShadowStats {
        ShadowStats {
            requests: self.requests.get(),
            skipped: self.skipped.get(),
            cut: self.cut.get(),
            calls: self.calls.get(),
            unanswered: self.unanswered.get(),
            panicked: self.panicked.get(),
        }
    }
}

// === impl ShadowStats ===

impl ShadowStats {
    /// Returns the share of calls that the tried layer would save, from 0 to 1: of the requests that it was
    /// shown, those without a call.
    #[must_use]
    pub fn saved_share(&self) -> f64 {
        let shown = self.requests.saturating_sub(self.skipped);
        share_of(shown.saturating_sub(self.calls), shown)
    }
}
