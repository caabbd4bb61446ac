//! Days and months, as bills know them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// Period that a budget or a volume step counts over. Calendar periods are of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Period {
    /// A minute by the clock.
    Minute,
    /// An hour by the clock.
    Hour,
    /// A day.
    Day,
    /// A calendar month.
    Month,
    /// All time: it never resets.
    Forever,
}

// === impl Period ===

impl Period {
    /// Returns when the period that holds `now` began, and when the next one begins.
    pub(crate) fn bounds(self, now: SystemTime) -> (SystemTime, Option<SystemTime>) {
        let seconds = since_epoch(now);
        let fixed = |length: u64| {
            let start = seconds - seconds % length;
            (at(start), Some(at(start + length)))
        };
        match self {
            Self::Minute => fixed(60),
            Self::Hour => fixed(3_600),
            Self::Day => fixed(DAY),
            Self::Month => {
                let (year, month) = month_of(seconds / DAY);
                let (next_year, next) = if month == 12 {
                    (year + 1, 1)
                } else {
                    (year, month + 1)
                };
                let start = first_day(year, month) * DAY;
                (at(start), Some(at(first_day(next_year, next) * DAY)))
            }
            Self::Forever => (UNIX_EPOCH, None),
        }
    }

    /// Returns its name, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Forever => "forever",
        }
    }
}

pub(crate) fn since_epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Returns the days from 1970-01-01 to the first of a month. Years are 1970 or later.
fn first_day(year: u64, month: u64) -> u64 {
    // Years begin in March here, so that the leap day is the last one.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 - 719_468
}

fn month_of(days: u64) -> (u64, u64) {
    let mut year = 1970 + days / 366;
    while first_day(year + 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|&month| first_day(year, month) <= days);
    (year, month.expect("its first day is not later"))
}

/// Returns the day of the week: Monday is 0.
pub(crate) fn weekday(seconds: u64) -> u8 {
    u8::try_from((seconds / DAY + 3) % 7).expect("a week has seven days")
}

/// Returns the minutes since midnight.
pub(crate) fn minute_of_day(seconds: u64) -> u16 {
    u16::try_from(seconds % DAY / 60).expect("a day has 1,440 minutes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_where_the_calendar_says() {
        // 2026-11-24T11:00:00Z, 2024-02-29T00:00:00Z, 2100-03-01T00:00:00Z, 1970-01-01
        for (now, start, next) in [
            (1_795_518_000, 1_793_491_200, 1_796_083_200),
            (1_709_164_800, 1_706_745_600, 1_709_251_200),
            (4_107_542_400, 4_107_542_400, 4_110_220_800),
            (0, 0, 2_678_400),
        ] {
            assert_eq!(Period::Month.bounds(at(now)), (at(start), Some(at(next))));
        }
    }

    #[test]
    fn every_month_of_four_centuries_has_its_days() {
        let is_leap = |year: u64| {
            year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
        };
        let mut day = 0;
        for year in 1970..2_400 {
            for (month, days) in (1..).zip([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
                let days = days + u64::from(month == 2 && is_leap(year));
                let (start, next) = (day * DAY, (day + days) * DAY);
                let bounds = (at(start), Some(at(next)));
                assert_eq!(Period::Month.bounds(at(start)), bounds, "{year}-{month}");
                assert_eq!(Period::Month.bounds(at(next - 1)), bounds, "{year}-{month}");
                day += days;
            }
        }
    }

    #[test]
    fn the_other_periods_begin_by_the_clock_and_have_a_name() {
        let now = 1_795_518_754; // 2026-11-24T11:12:34Z
        for (period, name, start, length) in [
            (Period::Minute, "minute", 1_795_518_720, 60),
            (Period::Hour, "hour", 1_795_518_000, 3_600),
            (Period::Day, "day", 1_795_478_400, DAY),
        ] {
            assert_eq!(
                period.bounds(at(now)),
                (at(start), Some(at(start + length)))
            );
            assert_eq!(period.name(), name);
        }
        assert_eq!(Period::Forever.bounds(at(now)), (UNIX_EPOCH, None));
        assert_eq!(
            (Period::Month.name(), Period::Forever.name()),
            ("month", "forever")
        );
        assert_eq!(minute_of_day(now), 11 * 60 + 12);
        assert_eq!(since_epoch(UNIX_EPOCH - Duration::from_secs(5)), 0);
    }

    #[test]
    fn the_first_of_january_1970_was_a_thursday() {
        assert_eq!(weekday(0), 3);
        assert_eq!(weekday(1_795_518_000), 1); // a Tuesday
    }
}
