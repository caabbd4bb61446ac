//! What was decided, in terms that can be checked.

use std::fmt;

use scrimp_core::{Money, NoExchangeRate};

use super::{estimate::Estimate, health::Health};

/// Why a provider was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its score was the best.
    Best,
    /// Another was better, though by less than it takes to switch.
    Kept,
    /// It had not been seen for a while.
    Explored,
    /// It was out, and the time for a probe had come.
    Probed,
    /// All others were out.
    LastLeft,
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// The candidate's index.
    pub index: usize,
    /// Why it.
    pub reason: Reason,
    /// Its score.
    pub score: Scored,
}

/// What a candidate came to by a [`Score`](super::Score). Lower is better; scores of two kinds
/// have no order.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Scored {
    /// What choosing it is expected to cost, all told, in dollars. The price has no part in it
    /// where that is not known.
    Money(Money),
    /// A sum of weighted logarithms, without a unit.
    Weighted(f64),
}

/// Nobody could be chosen, for this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoCandidate {
    /// There are no candidates, or all of them are barred.
    NoneLeft,
    /// There are, and none is good enough.
    NoneGoodEnough,
    /// The limit on the price is in a currency without an exchange rate.
    NoExchangeRate(NoExchangeRate),
}

/// What a candidate was judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Terms {
    /// What a call is expected to cost, in dollars; `None` if that is not known, or is in a
    /// currency without an exchange rate.
    pub cost: Option<Money>,
    /// What is thought of it.
    pub estimate: Estimate,
    /// Its score, lower being better.
    pub score: Scored,
    /// Whether it gets requests.
    pub health: Health,
    /// Calls under way.
    pub in_flight: usize,
    /// Whether it passed the filters.
    pub good_enough: bool,
    /// Whether it was barred: tried before, full, or without the tag asked for.
    pub barred: bool,
}

// === impl NoCandidate ===

impl From<NoExchangeRate> for NoCandidate {
    fn from(missing: NoExchangeRate) -> Self {
        Self::NoExchangeRate(missing)
    }
}

// === impl Reason ===

impl Reason {
    /// A word for logs and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Kept => "kept",
            Self::Explored => "explored",
            Self::Probed => "probed",
            Self::LastLeft => "last-left",
        }
    }
}

// === impl Scored ===

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(money) => fmt::Display::fmt(money, f),
            Self::Weighted(score) => fmt::Display::fmt(score, f),
        }
    }
}
