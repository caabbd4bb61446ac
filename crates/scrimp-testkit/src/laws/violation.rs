//! How a law says that it was broken.

use std::{error::Error, fmt};

use super::Law;

/// A law was broken: which, what was seen, and what was expected.
#[derive(Debug, Clone)]
pub struct Violation {
    law: Law,
    breach: Breach,
}

/// What was seen and what was expected, before it is known under which law.
#[derive(Debug, Clone)]
pub(crate) struct Breach {
    saw: String,
    expected: String,
}

/// What a law finds.
pub(crate) type Verdict<T = ()> = Result<T, Breach>;

/// Finds a breach unless the condition holds.
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

    /// The law that was broken.
    #[must_use]
    pub fn law(&self) -> Law {
        self.law
    }

    /// What was seen.
    #[must_use]
    pub fn saw(&self) -> &str {
        &self.breach.saw
    }

    /// What was expected.
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
