//! Where a log comes from.

mod lines;
mod source;

use std::path::PathBuf;

use crate::sample::SampleLog;
pub(crate) use lines::{Line, Lines};
pub(crate) use source::{Source, cannot_read};

/// A log to replay, compressed with gzip or not.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A log made up on the spot.
    Sample(SampleLog),
    /// Bytes in memory, with the name they go by in reports.
    Bytes(String, Vec<u8>),
}

// === impl Input ===

impl Input {
    /// What reports call it.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Sample(_) => "a made-up log".to_owned(),
            Self::Bytes(name, _) => name.clone(),
        };
        // It may hold anything, and it is printed to a terminal.
        name.replace(char::is_control, "\u{fffd}")
    }
}
