//! What was decided, in terms that can be checked.

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
    pub score: f64,
}

/// Nobody could be chosen, for this reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoCandidate {
    /// There are no candidates, or all of them are barred.
    NoneLeft,
    /// There are, and none is good enough.
    NoneGoodEnough,
}

/// What a candidate was judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Terms {
    /// Dollars a call is expected to cost; `None` if that is not known.
    pub cost: Option<f64>,
    /// What is thought of it.
    pub estimate: Estimate,
    /// Its score, lower being better.
    pub score: f64,
    /// Whether it gets requests.
    pub health: Health,
    /// Calls under way.
    pub in_flight: usize,
    /// Whether it passed the filters.
    pub good_enough: bool,
    /// Whether it was barred: tried before, full, or without the tag asked for.
    pub barred: bool,
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
