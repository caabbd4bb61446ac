//! The result of a run.

use std::{collections::BTreeMap, fmt, time::Duration};

use http::StatusCode;
use scrimp_core::Totals;

use crate::event::{StopReason, WarmOutcome};

/// Result of a run: what was warmed, and what it cost.
///
/// Its use is known only when callers have come: see [`Spared`](crate::Spared).
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WarmReport {
    /// Requests of the run: each URI in each variant.
    pub requests: u64,
    /// Requests that an earlier run had done.
    pub resumed: u64,
    /// Requests that a cache had fresh responses for.
    pub fresh: u64,
    /// Calls whose responses a cache stored.
    pub stored: u64,
    /// Calls whose responses the cache did not store.
    pub not_stored: u64,
    /// Calls of which no cache says whether it stored the response.
    pub fetched: u64,
    /// Responses with other statuses than success, by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that ended without a complete response.
    pub failed: u64,
    /// Error of the first of them.
    pub first_failure: Option<String>,
    /// Requests that had no complete response in time.
    pub timed_out: u64,
    /// Refusals for now (429, 402, or 503 with Retry-After). The requests are made again.
    pub refused: u64,
    /// Requests that were not made, or were refused, when the run stopped.
    pub left: u64,
    /// Calls: what a cache did not answer.
    pub calls: u64,
    /// Cost of the calls.
    pub cost: Totals,
    /// Calls and cost of the earlier runs that this one goes on with. They count against the limits.
    pub earlier_calls: u64,
    /// See `earlier_calls`.
    pub earlier_cost: Totals,
    /// Bytes of all bodies.
    pub bytes: u64,
    /// Duration of the run.
    #[cfg_attr(feature = "serde", serde(serialize_with = "seconds"))]
    pub took: Duration,
    /// Duration of all pauses that refusals asked for.
    #[cfg_attr(feature = "serde", serde(serialize_with = "seconds"))]
    pub paused: Duration,
    /// Reason for the end of the run, if it did not make all requests.
    pub stopped: Option<StopReason>,
}

// === impl WarmReport ===

impl WarmReport {
    /// Reports whether all requests were made and a cache has all responses, as far as it says so.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.left == 0 && self.errors() == 0 && self.not_stored == 0
    }

    /// Returns the number of requests that brought no good response, without refusals.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.statuses.values().sum::<u64>() + self.failed + self.timed_out
    }

    pub(crate) fn count(&mut self, outcome: WarmOutcome) {
        let count = match outcome {
            WarmOutcome::Fresh => &mut self.fresh,
            WarmOutcome::Stored => &mut self.stored,
            WarmOutcome::NotStored => &mut self.not_stored,
            WarmOutcome::Fetched => &mut self.fetched,
            WarmOutcome::Status(status) => self.statuses.entry(status.as_u16()).or_default(),
            WarmOutcome::Refused(_) => &mut self.refused,
            WarmOutcome::Failed => &mut self.failed,
            WarmOutcome::TimedOut => &mut self.timed_out,
        };
        *count += 1;
    }
}

impl fmt::Display for WarmReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<22}{value:>12}");
        line("requests", &self.requests)?;
        let always = [("already fresh", self.fresh), ("stored", self.stored)];
        for (name, count) in always {
            line(&format!("  {name}"), &count)?;
        }
        let others = [
            ("fetched, no verdict", self.fetched),
            ("not stored", self.not_stored),
            ("done before", self.resumed),
            ("failed", self.failed),
            ("timed out", self.timed_out),
            ("left", self.left),
        ];
        for (name, count) in others.into_iter().filter(|(_, count)| *count > 0) {
            line(&format!("  {name}"), &count)?;
        }
        for (status, count) in &self.statuses {
            let reason = StatusCode::from_u16(*status).ok();
            let reason = reason.and_then(|status| status.canonical_reason());
            line(&format!("  {status} {}", reason.unwrap_or_default()), count)?;
        }
        if self.refused > 0 {
            line("refusals", &self.refused)?;
        }
        line("calls", &self.calls)?;
        if !self.cost.is_zero() {
            line("cost", &self.cost.to_string())?;
        }
        if self.earlier_calls > 0 {
            line("earlier calls", &self.earlier_calls)?;
        }
        if !self.earlier_cost.is_zero() {
            line("earlier cost", &self.earlier_cost.to_string())?;
        }
        line("bytes", &self.bytes)?;
        line("time", &format_args!("{:.1?}", self.took).to_string())?;
        if !self.paused.is_zero() {
            line(
                "  of it paused",
                &format_args!("{:.1?}", self.paused).to_string(),
            )?;
        }
        if let Some(error) = &self.first_failure {
            writeln!(f, "the first failure: {error}")?;
        }
        match self.stopped {
            Some(reason) => writeln!(f, "{reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "serde")]
fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_as_a_table_without_what_did_not_occur() {
        let mut report = WarmReport {
            requests: 4,
            ..WarmReport::default()
        };
        for outcome in [
            WarmOutcome::Stored,
            WarmOutcome::Stored,
            WarmOutcome::Fresh,
            WarmOutcome::Status(StatusCode::NOT_FOUND),
        ] {
            report.count(outcome);
        }
        report.calls = 3;
        report.cost.add("0.03".parse().unwrap());
        let text = report.to_string();
        for part in ["already fresh", "404 Not Found", "$0.03"] {
            assert!(text.contains(part), "{text}");
        }
        for part in ["timed out", "left", "stopped"] {
            assert!(!text.contains(part), "{text}");
        }
        assert!(!report.is_complete());
    }
}
