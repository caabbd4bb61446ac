//! The explanation of a choice.

use std::{sync::Arc, time::Duration};

use scrimp_core::Money;

use crate::engine::{Reason, Scored, Terms};

/// Explanation of the choice of a response's provider. It is in the response's extensions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RouteDecision {
    /// The provider that answered.
    pub provider: Arc<str>,
    /// Reason for the choice.
    pub reason: Reason,
    /// The score of that provider when it was chosen. Lower is better.
    pub score: Scored,
    /// Expected cost of the call. `None` if it was not known.
    pub expected: Option<Money>,
    /// Tokens of the prompt that were expected to be in the provider's prompt cache.
    pub cached_tokens: u64,
    /// Time that the request waited for room in the provider's quotas.
    pub waited: Duration,
    /// Providers that were tried before, and how each attempt failed.
    pub tried: Vec<Tried>,
    /// The provider of the other call, if a second one was made beside a slow one.
    pub hedged: Option<Arc<str>>,
    /// False if the quality gate rejected the answer. The caller gets a rejected answer if no
    /// other provider is left.
    pub accepted: bool,
    /// Every candidate, with its terms. Empty unless the request carried
    /// [`Explain`](scrimp_core::extensions::Explain) or the layer explains always.
    pub candidates: Vec<(Arc<str>, Terms)>,
}

/// Attempt that did not bring the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The provider that was tried.
    pub provider: Arc<str>,
    /// Failure of the attempt.
    pub miss: Miss,
}

/// Reason for which an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Miss {
    /// The call ended with an error.
    Error,
    /// The first byte took too long.
    TimedOut,
    /// The answer had this status.
    Status(u16),
    /// The body broke off before its first byte.
    Body,
    /// The answer was a stream that began with an error, or ended without an event.
    Stream,
    /// The provider does not have the model.
    Model,
    /// The request, or its prompt, was too large for the provider.
    TooLarge,
    /// The answer was not good enough for the quality gate.
    Quality,
}
