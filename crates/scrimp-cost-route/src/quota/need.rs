//! The part of a quota that a request takes.

use scrimp_http::rate_limit::QuotaUnit;

use crate::{TokenClass, Usage};

/// Tokens that a request is expected to take from the quotas of an account.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Need {
    pub(crate) input: f64,
    /// Part of the input that the account's prompt cache is expected to hold.
    pub(crate) cached: f64,
    pub(crate) output: f64,
}

// === impl Need ===

impl Need {
    /// Returns what an answer says was used.
    #[expect(clippy::cast_precision_loss, reason = "a count of tokens")]
    pub(crate) fn used(usage: &Usage) -> Self {
        Self {
            input: usage.prompt() as f64,
            cached: usage.tokens(TokenClass::CacheRead) as f64,
            output: usage.completion() as f64,
        }
    }

    pub(super) fn of(&self, unit: QuotaUnit) -> f64 {
        match unit {
            QuotaUnit::Requests => 1.0,
            QuotaUnit::Tokens => self.input + self.output,
            // The only vendor with a quota of this unit does not count what it has cached.
            QuotaUnit::InputTokens => (self.input - self.cached).max(0.0),
            QuotaUnit::OutputTokens => self.output,
        }
    }
}
