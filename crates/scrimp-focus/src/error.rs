//! The error of what cannot be read.

use std::fmt;

/// The error of an input that cannot be read.
#[derive(Debug)]
pub struct FinanceError(String);

// === impl FinanceError ===

impl FinanceError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Makes an error of one line of an input.
    pub(crate) fn at(line: u64, error: impl fmt::Display) -> Self {
        Self(format!("line {line}: {error}"))
    }
}

impl fmt::Display for FinanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FinanceError {}
