//! A suggestion, as data.

use scrimp_demo::support::format::count;
use serde::Serialize;

/// A setting that would raise the hit rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Suggestion {
    /// Change in words: `drop utm_*`.
    pub change: String,
    /// Flags that make it: `--rule 'query=page'`.
    pub flags: String,
    /// Hit rate without it, from 0 to 1.
    pub before: f64,
    /// Hit rate with it, from 0 to 1.
    pub after: f64,
    /// Requests on which it was tried: the first ones of the log.
    pub requests: u64,
}

// === impl Suggestion ===

impl Suggestion {
    /// Returns `54.1 → 71.3 %`.
    pub(crate) fn rates(&self) -> String {
        format!("{:.1} → {:.1} %", self.before * 100.0, self.after * 100.0)
    }

    /// Returns how a suggestion was tried, in words.
    pub(crate) fn basis(&self) -> String {
        let requests = count(self.requests);
        format!("on the first {requests} requests, in a cache without evictions")
    }
}
