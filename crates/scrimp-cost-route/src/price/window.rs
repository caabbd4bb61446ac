//! Hours in which other prices hold.

use std::time::SystemTime;

use scrimp_core::SettingError;

use super::calendar::{minute_of_day, since_epoch, weekday};

/// Hours of the day, in UTC, on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceWindow {
    from: u16,
    to: u16,
    days: u8,
    /// A day that was named and does not exist.
    stray: Option<u8>,
    /// Seconds that the calendar of the weekdays is ahead of UTC by.
    ahead: i32,
}

// === impl PriceWindow ===

impl PriceWindow {
    /// Starts at one minute of every day and ends before another. It may go past midnight; a
    /// window from a minute to the same minute is the whole day. Range: 0 to 1,439.
    #[must_use]
    pub fn daily(from: u16, to: u16) -> Self {
        Self {
            from,
            to,
            days: 0x7f,
            stray: None,
            ahead: 0,
        }
    }

    /// Limits it to some days of the week: Monday is 1, Sunday 7. Range: 1 to 7.
    #[must_use]
    pub fn on(mut self, days: impl IntoIterator<Item = u8>) -> Self {
        self.days = 0;
        for day in days {
            if (1..=7).contains(&day) {
                self.days |= 1 << (day - 1);
            } else {
                self.stray = self.stray.or(Some(day));
            }
        }
        self
    }

    /// Reads weekdays on a calendar this many seconds ahead of UTC. The hours stay UTC's.
    /// Default: 0. Range: less than a day either way.
    #[must_use]
    pub fn weekdays_ahead_of_utc(mut self, seconds: i32) -> Self {
        self.ahead = seconds;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range: the first one.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        const OWNER: &str = "PriceWindow";
        const SECONDS: i32 = 86_399;
        SettingError::within(OWNER, "from", self.from, 0..=1_439)?;
        SettingError::within(OWNER, "to", self.to, 0..=1_439)?;
        if let Some(day) = self.stray {
            SettingError::within(OWNER, "on", day, 1..=7)?;
        }
        let ahead = "weekdays_ahead_of_utc";
        SettingError::within(OWNER, ahead, self.ahead, -SECONDS..=SECONDS).map(drop)
    }

    /// Reports whether a moment is within the window.
    pub(crate) fn holds(&self, now: SystemTime) -> bool {
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
        let night = PriceWindow::daily(22 * 60, 6 * 60);
        assert!(night.holds(at(0, 23)) && night.holds(at(0, 5)));
        assert!(!night.holds(at(0, 6)) && night.holds(at(0, 22)));
        assert!(PriceWindow::daily(0, 0).holds(at(0, 13)));
    }

    #[test]
    fn weekdays_are_read_on_the_calendar_that_was_named() {
        let weekend = PriceWindow::daily(0, 0).on([6, 7]);
        assert!(!weekend.holds(at(4, 20)) && weekend.holds(at(5, 20)));
        let shanghai = weekend.weekdays_ahead_of_utc(8 * 3_600);
        assert!(shanghai.holds(at(4, 20)) && !shanghai.holds(at(6, 20)));
    }
}
