//! Sources of logs.

mod lines;
mod objects;
mod packed;
mod source;

use std::path::PathBuf;

use crate::sample::SampleLog;
pub(crate) use lines::{Line, Lines};
pub(crate) use source::{Source, cannot_read};

/// A log to replay: plain, or compressed with gzip, bzip2, xz or zstd.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A generated log.
    Sample(SampleLog),
    /// Bytes in memory, with their name in reports.
    Bytes(String, Vec<u8>),
}

// === impl Input ===

impl Input {
    /// Returns its name in reports.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Sample(_) => "a generated log".to_owned(),
            Self::Bytes(name, _) => name.clone(),
        };
        // The name may contain any bytes, and is printed to a terminal.
        name.replace(char::is_control, "\u{fffd}")
    }
}
