//! The error of an invalid rule.

use std::fmt;

/// An invalid rule: the problem, and the correct form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError(pub(super) String);

// === impl RuleError ===

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}
