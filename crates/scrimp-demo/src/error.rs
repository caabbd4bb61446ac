//! Errors that stop a demonstration.

use std::{fmt, io};

use scrimp_core::SettingError;

/// An error that stops a demonstration: one sentence for the user.
#[derive(Debug)]
pub struct DemoError {
    message: String,
    source: Option<io::Error>,
}

pub(crate) type Result<T, E = DemoError> = std::result::Result<T, E>;

// === impl DemoError ===

impl DemoError {
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
}

impl From<SettingError> for DemoError {
    fn from(error: SettingError) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}
