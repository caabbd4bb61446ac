//! Hours at which other prices hold.

use std::time::SystemTime;

use super::calendar::{minute_of_day, since_epoch, weekday};

/// Hours of the day, in UTC, on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: u16,
    to: u16,
    days: u8,
    /// What the calendar that weekdays are read on is ahead of UTC by.
    ahead: i32,
}

// === impl Window ===

impl Window {
    /// Every day from one minute of the day to another, not including the latter. It may
    /// go past midnight; a window from a minute to the same minute is the whole day.
    ///
    /// # Panics
    ///
    /// If either is not below 1,440 (the minutes of a day).
    #[must_use]
    pub fn daily(from: u16, to: u16) -> Self {
        assert!(
            from < 1_440 && to < 1_440,
            "Window: `from` and `to` must be minutes of the day (0 to 1439), not {from} and {to}"
        );
        Self {
            from,
            to,
            days: 0x7f,
            ahead: 0,
        }
    }

    /// Only on these days; Monday is 1, Sunday 7. Others are left out.
    #[must_use]
    pub fn on(mut self, days: impl IntoIterator<Item = u8>) -> Self {
        let days = days.into_iter().filter(|day| (1..=7).contains(day));
        self.days = days.fold(0, |mask, day| mask | 1 << (day - 1));
        self
    }

    /// Reads weekdays on a calendar so many seconds ahead of UTC. The hours stay UTC's.
    #[must_use]
    pub fn weekdays_ahead_of_utc(mut self, seconds: i32) -> Self {
        self.ahead = seconds;
        self
    }

    /// Whether a moment is within.
    #[must_use]
    pub fn holds(&self, now: SystemTime) -> bool {
        let seconds = since_epoch(now);
        let day = weekday(seconds.saturating_add_signed(self.ahead.into()));
        if self.days & 1 << day == 0 {
            return false;
        }
        let minute = minute_of_day(seconds);
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn at(day: u64, hour: u64) -> SystemTime {
        // The fifth day of 1970 was a Monday.
        UNIX_EPOCH + Duration::from_secs((4 + day) * 86_400 + hour * 3_600)
    }

    #[test]
    fn a_window_may_go_past_midnight_and_ends_before_its_end() {
        let night = Window::daily(22 * 60, 6 * 60);
        assert!(night.holds(at(0, 23)) && night.holds(at(0, 5)));
        assert!(!night.holds(at(0, 6)) && night.holds(at(0, 22)));
        assert!(Window::daily(0, 0).holds(at(0, 13)));
    }

    #[test]
    fn weekdays_are_read_on_the_calendar_that_was_named() {
        let weekend = Window::daily(0, 0).on([6, 7]);
        assert!(!weekend.holds(at(4, 20)) && weekend.holds(at(5, 20)));
        let shanghai = weekend.weekdays_ahead_of_utc(8 * 3_600);
        assert!(shanghai.holds(at(4, 20)) && !shanghai.holds(at(6, 20)));
    }
}
