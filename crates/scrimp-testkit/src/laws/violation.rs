//! Report of a broken law.

use std::{error::Error, fmt};

use super::Law;

/// A broken law, with the observation and the expectation.
#[derive(Debug, Clone)]
pub struct Violation {
    law: Law,
    breach: Breach,
}

/// The observation and the expectation, before the law is known.
#[derive(Debug, Clone)]
pub(crate) struct Breach {
    saw: String,
    expected: String,
}

/// Result of a law.
pub(crate) type Verdict<T = ()> = Result<T, Breach>;

/// Returns a breach unless the condition holds.
pub(crate) fn ensure(holds: bool, saw: impl Into<String>, expected: impl Into<String>) -> Verdict {
    if holds {
        return Ok(());
    }
    Err(Breach::new(saw, expected))
}

// === impl Violation ===

impl Violation {
    pub(crate) fn new(law: Law, breach: Breach) -> Self {
        Self { law, breach }
    }

    /// Returns the law that was broken.
    #[must_use]
    pub fn law(&self) -> Law {
        self.law
    }

    /// Returns the observation.
    #[must_use]
    pub fn saw(&self) -> &str {
        &self.breach.saw
    }

    /// Returns the expectation.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.breach.expected
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "law {} is broken ({})\n       saw: {}\n  expected: {}",
            self.law.number(),
            self.law.name(),
            self.breach.saw,
            self.breach.expected
        )
    }
}

impl Error for Violation {}

// === impl Breach ===

impl Breach {
    pub(crate) fn new(saw: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            saw: saw.into(),
            expected: expected.into(),
        }
    }
}
