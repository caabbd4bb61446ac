//! The progress bar.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::Progress;

/// Shows progress on standard error, if that is a terminal.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    /// The input that the bar shows.
    input: Option<String>,
    replaying: bool,
}

// === impl Bar ===

impl Bar {
    pub(super) fn new(quiet: bool) -> Self {
        let bar = ProgressBar::no_length();
        bar.set_draw_target(if quiet {
            ProgressDrawTarget::hidden()
        } else {
            // Hides itself without a terminal.
            ProgressDrawTarget::stderr()
        });
        Self {
            bar,
            input: None,
            replaying: false,
        }
    }

    /// Shows that work of unknown length is in progress.
    pub(super) fn working_on(&self, what: &str) {
        self.style("{spinner} {msg}");
        self.bar.set_message(what.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    /// Clears the bar.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

impl Progress for Bar {
    fn reading(&mut self, input: &str, done: u64, total: Option<u64>) {
        if self.bar.is_hidden() {
            return;
        }
        if self.input.as_deref() != Some(input) {
            self.input = Some(input.to_owned());
            self.style(match total {
                Some(_) => "reading {msg} {wide_bar} {bytes} of {total_bytes}, {eta} left",
                None => "{spinner} reading {msg}: {bytes}",
            });
            self.bar.set_message(input.to_owned());
            self.bar.set_length(total.unwrap_or(0));
        }
        self.bar.set_position(done);
    }

    fn replaying(&mut self, done: u64, total: u64) {
        if self.bar.is_hidden() {
            return;
        }
        if !self.replaying {
            self.replaying = true;
            self.style("replaying {wide_bar} {human_pos} of {human_len} requests, {eta} left");
            self.bar.reset();
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }
}
