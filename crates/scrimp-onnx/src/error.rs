//! The error of a model that cannot be used.

use std::{error::Error, fmt};

/// A model or vocabulary that cannot be used.
#[derive(Debug)]
pub struct OnnxError {
    problem: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

// === impl OnnxError ===

impl OnnxError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            source: None,
        }
    }

    /// Makes an error from the one that caused it.
    pub(crate) fn from(
        problem: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            problem: problem.into(),
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for OnnxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl Error for OnnxError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}
