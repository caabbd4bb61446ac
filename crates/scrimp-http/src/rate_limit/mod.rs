//! Quotas of a client, and how much of them is left, as responses state it (draft-ietf-httpapi-ratelimit-headers,
//! vendors' documentation).
//!
//! | form | examples | fills up |
//! |---|---|---|
//! | OpenAI, Groq, Together, Fireworks, xAI | `x-ratelimit-limit-requests`, `x-ratelimit-remaining-tokens`, `x-ratelimit-reset-tokens: 6m0s` | evenly: the reset is the time until all is there |
//! | Azure, Cerebras | the same with plain seconds: `x-ratelimit-reset-tokens: 12`, `x-ratelimit-limit-tokens-minute` | at the reset |
//! | Anthropic | `anthropic-ratelimit-input-tokens-reset: 2026-01-01T00:00:07Z` | evenly |
//! | Mistral | `ratelimitbysize-remaining`, `x-ratelimitbysize-remaining-minute`, `x-ratelimit-remaining-req-minute` | at the reset, or after the window that the name ends with |
//! | IETF draft, from -08 on | `RateLimit: "default";r=50;t=30`, with `RateLimit-Policy` | at the reset |
//! | IETF draft, -07 | `RateLimit: limit=100, remaining=50, reset=30` | at the reset |
//! | IETF draft, up to -06, and others | `RateLimit-Remaining`, `X-RateLimit-Remaining`, with a reset in seconds or as a time since 1970 | at the reset |
//!
//! A number that is negative or malformed is ignored, and so is a quota in other units than requests and
//! tokens.

mod duration;
mod ietf;
mod named;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// Longest window of a quota: a longer one counts as this.
const LONGEST: Duration = Duration::from_secs(32 * 86_400);

/// Unit that a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuotaUnit {
    /// Requests.
    Requests,
    /// Tokens of prompts and answers together.
    Tokens,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
}

/// Part of a quota that is left, as a response states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// Unit that is counted.
    pub unit: QuotaUnit,
    /// The whole quota, if it is stated.
    pub limit: Option<u64>,
    /// The part that is left.
    pub remaining: u64,
    /// Way in which the used part returns.
    pub refill: QuotaRefill,
}

/// Way in which the used part of a quota returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaRefill {
    /// Evenly.
    Steady {
        /// Time in which the whole quota returns.
        window: Duration,
    },
    /// All at once.
    AtOnce {
        /// Time until then, if it is known.
        after: Option<Duration>,
    },
}

/// The quotas that a response states, one of each unit at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaStates([Option<QuotaState>; QuotaUnit::ALL.len()]);

// === impl QuotaUnit ===

impl QuotaUnit {
    /// All units.
    pub const ALL: [Self; 4] = [
        Self::Requests,
        Self::Tokens,
        Self::InputTokens,
        Self::OutputTokens,
    ];

    /// Returns its name, for labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input-tokens",
            Self::OutputTokens => "output-tokens",
        }
    }
}

// === impl QuotaStates ===

impl QuotaStates {
    /// Reads the fields of a response. Dates are measured from the response's own Date; without Date
    /// from `now`.
    #[must_use]
    pub fn read(headers: &HeaderMap, now: SystemTime) -> Self {
        let mut states = Self::default();
        // Most responses have none of the fields.
        if headers
            .keys()
            .any(|name| named::is_about_quotas(name.as_str()))
        {
            named::read(headers, now, &mut states);
            ietf::read(headers, &mut states);
        }
        states
    }

    /// Returns the quotas.
    pub fn iter(&self) -> impl Iterator<Item = QuotaState> {
        self.0.into_iter().flatten()
    }

    /// Reports whether the response states none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Adds a quota. Of two of one unit, that with less left counts.
    fn add(&mut self, state: QuotaState) {
        let place = &mut self.0[state.unit as usize];
        if place.is_none_or(|other| state.remaining < other.remaining) {
            *place = Some(state);
        }
    }
}
