//! Rates that the processes of a fleet share.

use std::{fmt, future::Future, pin::Pin, time::Duration};

/// A rate that several processes keep to together. A layer asks it before each request.
pub trait SharedRate: fmt::Debug + Send + Sync + 'static {
    /// Takes a weight of the limit of a subject, which no other rule may have. `most` is the longest
    /// time that the request waits. Must not block.
    fn take(&self, subject: &[u8], rule: RateRule, weight: u64, most: Duration) -> RateTake;
}

/// Rule of a rate: the time for one unit, and the number that may pass at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateRule {
    each: u64,
    burst: u64,
}

/// Outcome of [`SharedRate::take`].
pub enum RateTake {
    /// The request may pass.
    Pass,
    /// The future says when the request may pass, or why it may not.
    Wait(Pin<Box<dyn Future<Output = Result<(), NotTaken>> + Send>>),
    /// The request may not pass.
    NotTaken(NotTaken),
}

/// Reason why a request may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotTaken {
    /// It could pass after this time, which is more than it waits.
    Late(Duration),
    /// The other processes cannot be asked: this one is on its own.
    Unknown,
}

// === impl RateRule ===

impl RateRule {
    /// Returns the rule of one unit each `each` nanoseconds, and `burst` at once. Zero counts as 1.
    #[must_use]
    pub fn new(each: u64, burst: u64) -> Self {
        Self {
            each: each.max(1),
            burst: burst.max(1),
        }
    }

    /// Returns the nanoseconds for one unit. 1 or more.
    #[must_use]
    pub fn each(&self) -> u64 {
        self.each
    }

    /// Returns the units that may pass at once. 1 or more.
    #[must_use]
    pub fn burst(&self) -> u64 {
        self.burst
    }
}

// === impl RateTake ===

impl fmt::Debug for RateTake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("Pass"),
            Self::Wait(_) => f.write_str("Wait(..)"),
            Self::NotTaken(reason) => write!(f, "NotTaken({reason:?})"),
        }
    }
}
