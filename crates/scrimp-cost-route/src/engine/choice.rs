//! Decisions, in terms that can be checked.

use std::{fmt, time::Duration};

use scrimp_core::{Money, NoExchangeRate};

use super::{estimate::Estimate, health::Health};

/// Reason for which a provider was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its score was the best.
    Best,
    /// Another candidate was better, but by less than the hysteresis.
    Kept,
    /// It had no observations for a while.
    Explored,
    /// It was out, and the time for a probe had come.
    Probed,
    /// All others were out.
    LastLeft,
    /// A call to another provider was slow, and this one was made beside it.
    Hedged,
}

/// Choice of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// Index of the candidate.
    pub index: usize,
    /// Reason for which it was chosen.
    pub reason: Reason,
    /// Score of the candidate.
    pub score: Scored,
}

/// Score of a candidate, by a [`Score`](super::Score). Lower is better; scores of two kinds have
/// no order.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Scored {
    /// Expected total cost of the choice, in dollars. It does not include an unknown price.
    Money(Money),
    /// Sum of weighted logarithms, without a unit.
    Weighted(f64),
}

/// Reason for which no candidate can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoCandidate {
    /// There are no candidates, or all of them are barred.
    NoneLeft,
    /// There are candidates, and none is good enough.
    NoneGoodEnough,
    /// The limit on the price is in a currency without an exchange rate.
    NoExchangeRate(NoExchangeRate),
}

/// Terms that a candidate was judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Terms {
    /// Expected cost of a call, in dollars. `None` if it is not known, or is in a currency without
    /// an exchange rate.
    pub cost: Option<Money>,
    /// Expectation of the candidate.
    pub estimate: Estimate,
    /// Score of the candidate. Lower is better.
    pub score: Scored,
    /// Health of the candidate, which decides the requests it gets.
    pub health: Health,
    /// Number of calls under way.
    pub in_flight: usize,
    /// Time until there is room in the candidate's quotas. It counts as latency in the score.
    pub wait: Duration,
    /// True if the candidate passed the filters.
    pub good_enough: bool,
    /// True if the candidate was barred: tried before, full, or without a requested tag.
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
    /// Returns its name, for logs and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Kept => "kept",
            Self::Explored => "explored",
            Self::Probed => "probed",
            Self::LastLeft => "last-left",
            Self::Hedged => "hedged",
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
