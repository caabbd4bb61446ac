//! Charge periods, and points in time.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::FinanceError;

/// The time in which charges arose, in whole seconds of UTC: `start` is within it, and `end` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChargePeriod {
    start: Timestamp,
    end: Timestamp,
}

/// Reads a point in time, such as `2026-11-30T12:00:00Z`.
///
/// # Errors
///
/// If it is not in the form of RFC 3339.
pub fn at(text: &str) -> Result<SystemTime, FinanceError> {
    let time = text.parse::<Timestamp>();
    let time =
        time.map_err(|error| FinanceError::new(format!("{text:?} is not a time: {error}")))?;
    Ok(system(time))
}

/// Returns the day of a time in UTC.
pub(crate) fn day_of(time: Timestamp) -> civil::Date {
    time.to_zoned_datetime(TimeZone::UTC).date()
}

/// Times of a calendar year have a place in each system's time, so this is the time itself.
pub(crate) fn system(time: Timestamp) -> SystemTime {
    SystemTime::try_from(time).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Cuts a time to whole seconds. A time beyond the calendar is not one.
pub(crate) fn seconds(time: SystemTime) -> Option<Timestamp> {
    let time = Timestamp::try_from(time).ok()?;
    Timestamp::from_second(time.as_second()).ok()
}

// === impl ChargePeriod ===

impl ChargePeriod {
    /// Makes a period. Parts of a second are cut off.
    ///
    /// # Errors
    ///
    /// If it does not end after its start.
    pub fn new(start: SystemTime, end: SystemTime) -> Result<Self, FinanceError> {
        match (seconds(start), seconds(end)) {
            (Some(start), Some(end)) if start < end => Ok(Self { start, end }),
            _ => Err(FinanceError::new("a charge period ends after its start")),
        }
    }

    /// Returns the start, which is within the period.
    #[must_use]
    pub fn start(&self) -> SystemTime {
        system(self.start)
    }

    /// Returns the end, which is not within it.
    #[must_use]
    pub fn end(&self) -> SystemTime {
        system(self.end)
    }

    /// Returns the length.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.end().duration_since(self.start()).unwrap_or_default()
    }

    /// Returns the day in UTC on which it starts.
    pub(crate) fn day(&self) -> civil::Date {
        day_of(self.start)
    }

    /// Reports whether it reaches into a second day of UTC.
    pub(crate) fn crosses_midnight(&self) -> bool {
        day_of(self.last()) != self.day()
    }

    /// Returns the calendar months that it lies in, as a period.
    pub(crate) fn months(&self) -> Option<Self> {
        let first = |date: civil::Date| {
            let midnight = date
                .first_of_month()
                .to_zoned_datetime(TimeZone::UTC)
                .ok()?;
            Some(midnight.timestamp())
        };
        let next = day_of(self.last()).first_of_month().checked_add(1.month());
        Some(Self {
            start: first(self.day())?,
            end: first(next.ok()?)?,
        })
    }

    /// Returns start and end in the form of RFC 3339.
    pub(crate) fn texts(&self) -> [String; 2] {
        [self.start, self.end].map(|time| time.to_string())
    }

    fn last(&self) -> Timestamp {
        // The end is after the start, so there is a second before it.
        Timestamp::from_second(self.end.as_second() - 1).unwrap_or(self.start)
    }
}

impl fmt::Display for ChargePeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}

impl Serialize for ChargePeriod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.texts().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChargePeriod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [start, end] = <[String; 2]>::deserialize(deserializer)?;
        let time = |text: &str| at(text).map_err(D::Error::custom);
        Self::new(time(&start)?, time(&end)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(start: &str, end: &str) -> ChargePeriod {
        ChargePeriod::new(at(start).unwrap(), at(end).unwrap()).unwrap()
    }

    #[test]
    fn a_period_lies_in_its_calendar_months() {
        let day = period("2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z");
        let months = day.months().unwrap();
        assert_eq!(
            months.texts(),
            ["2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"]
        );
        assert!(!day.crosses_midnight());
        let long = period("2026-11-30T23:59:59Z", "2026-12-01T00:00:01Z");
        assert!(long.crosses_midnight());
        let months = long.months().unwrap();
        assert_eq!(
            months.texts(),
            ["2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z"]
        );
    }

    #[test]
    fn a_period_that_does_not_end_after_its_start_is_refused() {
        let time = at("2026-11-30T00:00:00.9Z").unwrap();
        assert!(ChargePeriod::new(time, time).is_err());
        assert!(at("yesterday").is_err());
        assert!(serde_json::from_str::<ChargePeriod>(r#"["x","y"]"#).is_err());
    }
}
