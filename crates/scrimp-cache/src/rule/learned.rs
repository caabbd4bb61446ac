//! Lifetimes that are learned.

use std::{
    fmt::{self, Display},
    str::FromStr,
    time::Duration,
};

/// Largest share of stale time that may be chosen, in thousandths: beyond it, most of what is stored
/// is out of date.
const MOST: u16 = 500;

/// A lifetime between two bounds, as long as the share of stale time allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LearnedTtl {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    /// Share of a fresh response's time in which it may be out of date, in thousandths.
    pub(crate) stale: u16,
}

/// The text that is no learned lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotLearned;

// === impl LearnedTtl ===

impl LearnedTtl {
    /// The share of stale time without another choice, in percent.
    pub(crate) const STALE_PERCENT: f64 = 5.0;

    pub(super) fn new(min: Duration, max: Duration, percent: f64) -> Self {
        // `check` reports any other value.
        let stale = match (0.0..=100.0).contains(&percent) {
            true => (percent * 10.0).round() as u16,
            false => u16::MAX,
        };
        Self { min, max, stale }
    }

    /// Returns the problem of bounds that no lifetime can have.
    pub(super) fn problem(self) -> Option<&'static str> {
        if self.min.is_zero() || self.min > self.max || self.max == Duration::MAX {
            Some(
                "the bounds of a learned lifetime go from a shorter time, above 0, to a longer one",
            )
        } else if !(1..=MOST).contains(&self.stale) {
            Some("a learned lifetime may be stale for 0.1 to 50 % of the time")
        } else {
            None
        }
    }
}

impl FromStr for LearnedTtl {
    type Err = NotLearned;

    /// Reads `learned(30s,1h)` or `learned(30s,1h,2%)`.
    fn from_str(text: &str) -> Result<Self, NotLearned> {
        let inner = text
            .strip_prefix("learned(")
            .and_then(|rest| rest.strip_suffix(')'))
            .ok_or(NotLearned)?;
        let time = |text: &str| humantime::parse_duration(text).map_err(|_| NotLearned);
        let (min, rest) = inner.split_once(',').ok_or(NotLearned)?;
        let (max, percent) = match rest.split_once(',') {
            None => (rest, Self::STALE_PERCENT),
            Some((max, stale)) => {
                let percent = stale.strip_suffix('%').ok_or(NotLearned)?;
                (max, percent.parse().map_err(|_| NotLearned)?)
            }
        };
        Ok(Self::new(time(min)?, time(max)?, percent))
    }
}

impl Display for LearnedTtl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time| {
            humantime::format_duration(time)
                .to_string()
                .replace(' ', "")
        };
        let percent = f64::from(self.stale) / 10.0;
        write!(
            f,
            "learned({},{},{percent}%)",
            time(self.min),
            time(self.max)
        )
    }
}
