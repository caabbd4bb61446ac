//! Errors of a replay.

use std::{fmt, io};

use scrimp_core::SettingError;
use scrimp_demo::DemoError;

/// The reason why a replay failed: one sentence for the user.
///
/// Invalid lines are not errors; they are counted in [`Report::bad_lines`](crate::Report).
#[derive(Debug)]
pub struct Error {
    message: String,
    source: Option<io::Error>,
}

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Error ===

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self {
            message: what.into(),
            source: Some(source),
        }
    }

    /// Reports whether a file or device caused it.
    pub(crate) fn is_io(&self) -> bool {
        self.source.is_some()
    }

    /// Reports whether the reader closed the output, as `head` does.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        self.source
            .as_ref()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<SettingError> for Error {
    fn from(error: SettingError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<DemoError> for Error {
    fn from(error: DemoError) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}
