//! Hours of the local week, and how often something happens in them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of an hour.
const HOUR: i64 = 3_600;

/// Hours of a day and of a week.
pub(super) const DAY: usize = 24;
pub(super) const WEEK: usize = 168;

/// Outcomes that a rate remembers: weeks of an hour of the week, days of an hour of the day.
pub(super) const WEEKS: i32 = 4;
pub(super) const DAYS: i32 = 12;

/// The most that a rate says.
const ONE: i32 = u16::MAX as i32;

/// An hour of local time, counted from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hour(pub(super) i64);

/// Frequency of something, of which the latest outcomes count most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate(u16);

// === impl Hour ===

impl Hour {
    /// Returns the hour of a time, at an offset from UTC in minutes.
    pub(super) fn of(time: SystemTime, offset: i32) -> Self {
        Self(local(time, offset).div_euclid(HOUR))
    }

    /// Returns the time until the next hour begins.
    pub(super) fn left(time: SystemTime, offset: i32) -> Duration {
        let past = local(time, offset).rem_euclid(HOUR);
        Duration::from_secs(HOUR.abs_diff(past))
    }

    /// Returns its place in the day: 7 from 7:00 to 7:59.
    pub(super) fn of_day(self) -> usize {
        usize::try_from(self.0.rem_euclid(DAY as i64)).unwrap_or_default()
    }

    /// Returns its place in the week.
    pub(super) fn of_week(self) -> usize {
        usize::try_from(self.0.rem_euclid(WEEK as i64)).unwrap_or_default()
    }

    /// Returns the number of hours since another one.
    pub(super) fn since(self, other: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(other.0)).unwrap_or_default()
    }

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

fn local(time: SystemTime, offset: i32) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX / 2);
    seconds + 60 * i64::from(offset)
}

// === impl Rate ===

impl Rate {
    /// Learns from one more outcome, of which it remembers about this many.
    pub(super) fn learn(&mut self, happened: bool, memory: i32) {
        let (before, outcome) = (i32::from(self.0), i32::from(happened) * ONE);
        let step = (outcome - before) / memory;
        self.0 = u16::try_from(before + step).unwrap_or(u16::MAX);
    }

    /// Returns the frequency after this many outcomes, beginning with what is known otherwise.
    pub(super) fn after(self, outcomes: u64, memory: i32, otherwise: f64) -> f64 {
        let outcomes = i32::try_from(outcomes.min(128)).unwrap_or(128);
        let rest = (1.0 - 1.0 / f64::from(memory)).powi(outcomes);
        f64::from(self.0) / f64::from(ONE) + rest * otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn an_hour_is_that_of_the_local_clock() {
        // 1970-01-01 was a Thursday; 06:30 UTC is 7:30 an hour further east.
        let time = at(6 * 3_600 + 1_800);
        assert_eq!(Hour::of(time, 0).of_day(), 6);
        assert_eq!(Hour::of(time, 60).of_day(), 7);
        assert_eq!(Hour::of(time, -7 * 60).of_day(), 23);
        assert_eq!(Hour::left(time, 0), Duration::from_secs(1_800));
        assert_eq!(Hour::left(time, 15), Duration::from_secs(900));
        let (day, week) = (Hour(24), Hour(168));
        assert_eq!((day.of_day(), day.of_week(), week.of_week()), (0, 24, 0));
    }

    #[test]
    fn a_rate_follows_what_happens_and_begins_with_what_is_known() {
        let mut rate = Rate::default();
        assert!((rate.after(0, WEEKS, 0.3) - 0.3).abs() < 1e-9);
        for outcomes in 1..=12 {
            rate.learn(true, WEEKS);
            let next = rate.after(outcomes, WEEKS, 0.3);
            assert!(next > 0.3 && next <= 1.0, "{next}");
        }
        assert!(rate.after(12, WEEKS, 0.3) > 0.95);
        (0..12).for_each(|_| rate.learn(false, WEEKS));
        assert!(rate.after(24, WEEKS, 0.3) < 0.05);
    }
}
