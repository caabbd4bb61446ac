//! The error of a demonstration or a replay.

use std::{fmt, io};

use scrimp_core::SettingError;

/// Reason why a demonstration or a replay failed: one sentence for the user.
#[derive(Debug)]
pub struct Error {
    message: String,
    source: Option<io::Error>,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Error ===

impl Error {
    /// Returns an error with this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// Returns an error of a file or device: what failed, and why.
    #[must_use]
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self {
            message: what.into(),
            source: Some(source),
        }
    }

    /// Reports whether a file or device caused it.
    #[must_use]
    pub fn is_io(&self) -> bool {
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
