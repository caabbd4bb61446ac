//! Why a request went where it went.

use std::sync::Arc;

use scrimp_core::Money;

use crate::engine::{Reason, Scored, Terms};

/// Explains how the provider of a response was chosen. In the response's extensions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RouteDecision {
    /// The provider that answered.
    pub provider: Arc<str>,
    /// Why that provider was chosen.
    pub reason: Reason,
    /// The score of that provider when it was chosen. Lower is better.
    pub score: Scored,
    /// Expected cost of the call. `None` if it was not known.
    pub expected: Option<Money>,
    /// Providers that were tried before, and how each attempt failed.
    pub tried: Vec<Tried>,
    /// Whether the quality gate accepted the answer, if there is a gate. Where no provider is left
    /// to ask, the caller gets the answer all the same.
    pub accepted: bool,
    /// Every candidate, and the terms it was judged by. Empty unless the request carried
    /// [`Explain`](scrimp_core::extensions::Explain) or the layer explains always.
    pub candidates: Vec<(Arc<str>, Terms)>,
}

/// Attempt that did not bring the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The provider that was tried.
    pub provider: Arc<str>,
    /// How the attempt failed.
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
    /// The answer was not good enough for the quality gate.
    Quality,
}
