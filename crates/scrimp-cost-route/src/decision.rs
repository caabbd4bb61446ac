//! Why a request went where it went.

use std::sync::Arc;

use scrimp_core::Money;

use crate::engine::{Reason, Scored, Terms};

/// In a response's extensions: how its provider was chosen.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RouteDecision {
    /// Who answered.
    pub provider: Arc<str>,
    /// Why it was chosen.
    pub reason: Reason,
    /// Its score then, lower being better.
    pub score: Scored,
    /// What the call was expected to cost.
    pub expected: Option<Money>,
    /// Who was tried before, and what came of it.
    pub tried: Vec<Tried>,
    /// Whether the quality gate took the answer, if there is one: where nobody is left to
    /// ask, the caller gets the answer all the same.
    pub accepted: bool,
    /// Every candidate, and what it was judged by. Empty unless the request carried
    /// [`Explain`](scrimp_core::extensions::Explain) or the layer explains always.
    pub candidates: Vec<(Arc<str>, Terms)>,
}

/// An attempt that did not bring the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// With whom.
    pub provider: Arc<str>,
    /// How it went.
    pub miss: Miss,
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Miss {
    /// The call ended with an error.
    Error,
    /// The first byte took too long.
    TimedOut,
    /// It was answered with this status.
    Status(u16),
    /// The body broke off before its first byte.
    Body,
    /// The answer was not good enough for the quality gate.
    Quality,
}
