//! Progress and results for people and programs.

use std::fmt;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scrimp_warm::{SkippedTargets, StopReason, Targets, WarmEvent, WarmOutcome, WarmReport};
use serde::Serialize;

/// Result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Warmed {
    targets: usize,
    skipped: SkippedTargets,
    #[serde(flatten)]
    report: WarmReport,
    notes: Vec<String>,
}

// === impl Warmed ===

impl Warmed {
    pub(super) fn new(report: WarmReport, targets: &Targets, mut notes: Vec<String>) -> Self {
        notes.extend(
            targets
                .examples()
                .iter()
                .map(|text| format!("not warmed: {text}")),
        );
        Self {
            targets: targets.uris().len(),
            skipped: targets.skipped(),
            report,
            notes,
        }
    }

    /// Reports whether the user has interrupted the run.
    pub(super) fn is_interrupted(&self) -> bool {
        self.report.stopped == Some(StopReason::Asked)
    }

    /// Reports whether requests were made, and none of them was of use.
    pub(crate) fn is_in_vain(&self) -> bool {
        let report = &self.report;
        let good = report.fresh + report.stored + report.fetched + report.resumed;
        good == 0 && report.requests > 0
    }

    /// Returns the result as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

impl fmt::Display for Warmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<22}{:>12}", "targets", self.targets)?;
        if self.skipped.all() > 0 {
            writeln!(
                f,
                "{:<22}{:>12}  {}",
                "  skipped",
                self.skipped.all(),
                self.skipped
            )?;
        }
        write!(f, "{}", self.report)?;
        if self.report.not_stored > 0 {
            let calls = self.report.not_stored;
            writeln!(
                f,
                "note: the cache did not store {calls} responses: they were paid in vain"
            )?;
        }
        if self.report.fetched > 0 {
            let calls = self.report.fetched;
            writeln!(
                f,
                "note: {calls} responses name no cache, in Cache-Status, X-Cache or Age: is there one?"
            )?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

/// Returns a bar on standard error, which hides itself without a terminal.
pub(super) fn bar(quiet: bool) -> ProgressBar {
    let bar = ProgressBar::no_length();
    bar.set_draw_target(if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    });
    let template = "warming {wide_bar} {human_pos} of {human_len} requests, {eta} left{msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

pub(super) fn event(bar: &ProgressBar, event: &WarmEvent<'_>) {
    match event {
        WarmEvent::Started { requests, resumed } => {
            bar.set_length(*requests);
            bar.set_position(*resumed);
        }
        WarmEvent::Ended {
            outcome: WarmOutcome::Refused(_),
            ..
        } => {}
        WarmEvent::Ended { .. } => {
            bar.set_message("");
            bar.inc(1);
        }
        WarmEvent::Paused(time) => {
            bar.set_message(format!("; refused, waiting {} s", time.as_secs()));
        }
        _ => {}
    }
}
