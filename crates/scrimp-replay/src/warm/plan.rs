//! The targets of a command, their source, and within which limits.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use http::Uri;
use scrimp_core::Money;
use scrimp_warm::{Schedule, Warmer, WarmerBuilder};

use super::source::Kind;
use crate::{line::Format, rank::RankBy};

/// Sources, limits and server of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) sources: Vec<String>,
    /// Kind of the sources, if it is not to be detected.
    pub(crate) kind: Option<Kind>,
    /// The server that requests are sent to.
    pub(crate) to: Uri,
    /// The host whose URIs are warmed.
    pub(crate) site: String,
    /// The host was stated.
    pub(crate) site_is_stated: bool,
    pub(crate) any_host: bool,
    /// Targets of a log that are warmed.
    pub(crate) top: usize,
    pub(crate) by: RankBy,
    pub(crate) format: Option<Format>,
    pub(crate) max_targets: usize,
    pub(crate) concurrency: usize,
    pub(crate) rate: Option<u32>,
    pub(crate) max_calls: Option<u64>,
    pub(crate) price: Option<Money>,
    pub(crate) budget: Option<Money>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) variants: Vec<(String, String)>,
    pub(crate) timeout: Duration,
    pub(crate) max_pause: Duration,
    pub(crate) resume: Option<PathBuf>,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) quiet: bool,
}

// === impl Plan ===

impl Plan {
    /// Returns the settings of the warmer. A journal and limits hold for each run.
    pub(crate) fn builder(&self) -> WarmerBuilder {
        let mut builder = Warmer::builder()
            .concurrency(self.concurrency)
            .timeout(self.timeout)
            .max_pause(self.max_pause)
            // Another process has the cache: it does not see the extension.
            .jitter(0.0);
        if let Some(rate) = self.rate {
            builder = builder.rate_per_second(rate);
        }
        if let Some(calls) = self.max_calls {
            builder = builder.max_calls(calls);
        }
        if let Some(price) = self.price {
            builder = builder.price(price);
        }
        if let Some(budget) = self.budget {
            builder = builder.budget(budget);
        }
        if let Some(path) = &self.resume {
            builder = builder.journal(path);
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        for (name, value) in &self.variants {
            builder = builder.variant(name, value);
        }
        builder
    }

    /// Tells the user something beside the result.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "scrimp: {text}");
        }
    }
}

/// Returns scheme and host of a source that is a URI.
pub(crate) fn site_of(source: &str) -> Option<String> {
    if !source.starts_with("http://") && !source.starts_with("https://") {
        return None;
    }
    let uri: Uri = source.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}
