//! When to warm: cron expressions in a time zone.

mod civil;

use std::time::{Duration, SystemTime};

use croner::{Cron, parser::CronParser};
use jiff::{Timestamp, tz::TimeZone};
use scrimp_core::{Clock, SettingError};
use tokio::time::sleep;

use self::civil::Local;

/// Name in errors.
const OWNER: &str = "Schedule";
/// Longest lead and jitter.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Longest sleep, after which the clock is looked at again: it may have been set.
const LOOK: Duration = Duration::from_secs(3600);
/// Longest expression.
const MAX_TEXT: usize = 256;

/// Times at which to warm: a cron expression in a time zone, a lead, and a jitter.
///
/// The expression has five fields (minute, hour, day of the month, month, day of the week), or six with seconds
/// before them, or is a name such as `@hourly`. Where clocks go forward, a fixed time in the hour that is left
/// out comes at the end of that hour. Where they go back, it comes once, in the first of the two hours; an
/// expression with `*` or a step in its minutes or hours comes in both.
///
/// ```
/// use std::time::Duration;
/// use scrimp_warm::Schedule;
///
/// // Ten minutes before a campaign that begins at eight on weekdays.
/// let campaign = Schedule::new("0 8 * * MON-FRI", "Europe/Berlin")?
///     .before(Duration::from_secs(600))?;
/// // At peak hours, every five minutes.
/// let peak = Schedule::new("*/5 7-9,17-19 * * *", "America/New_York")?
///     .jitter(Duration::from_secs(30))?;
/// # let _ = (campaign, peak); Ok::<(), scrimp_warm::SettingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    before: Duration,
    jitter: Duration,
}

// === impl Schedule ===

impl Schedule {
    /// Reads a cron expression, for a time zone of the IANA database such as `Europe/Berlin` or `UTC`.
    ///
    /// # Errors
    ///
    /// If the text is not a cron expression, never comes, or the time zone is unknown.
    pub fn new(cron: &str, zone: &str) -> Result<Self, SettingError> {
        let wrong = |why: String| {
            let shape = "must be a cron expression such as \"*/5 7-9 * * MON-FRI\" or \"@daily\"";
            SettingError::new(OWNER, "cron", format!("{shape}, not {cron:?}: {why}"))
        };
        if cron.len() > MAX_TEXT {
            return Err(wrong("it is too long".to_owned()));
        }
        let parsed = CronParser::new().parse(cron);
        let parsed = parsed.map_err(|error| wrong(error.to_string()))?;
        let found = TimeZone::get(zone).map_err(|error| {
            let problem = format!(
                "must be a time zone of the IANA database such as \"Europe/Berlin\" or \"UTC\", not {zone:?}"
            );
            SettingError::new(OWNER, "zone", problem).with_source(error)
        })?;
        Ok(Self {
            cron: parsed,
            zone: found,
            before: Duration::ZERO,
            jitter: Duration::ZERO,
        })
    }

    /// Comes this long before each time of the expression. Default: zero. Range: up to a week.
    ///
    /// # Errors
    ///
    /// If the time is out of range.
    pub fn before(self, time: Duration) -> Result<Self, SettingError> {
        let before = SettingError::within(OWNER, "before", time, Duration::ZERO..=LONGEST)?;
        Ok(Self { before, ..self })
    }

    /// Comes later by a random time up to this, so that many machines with one schedule do not come together.
    /// Default: zero. Range: up to a week.
    ///
    /// # Errors
    ///
    /// If the time is out of range.
    pub fn jitter(self, time: Duration) -> Result<Self, SettingError> {
        let jitter = SettingError::within(OWNER, "jitter", time, Duration::ZERO..=LONGEST)?;
        Ok(Self { jitter, ..self })
    }

    /// Returns the first time after a time, without the jitter. `None` if there is none, as on February 30.
    #[must_use]
    pub fn next(&self, after: SystemTime) -> Option<SystemTime> {
        let after = Timestamp::try_from(after.checked_add(self.before)?).ok()?;
        let local = Local(after.to_zoned_datetime(self.zone.clone()));
        let Local(next) = self.cron.find_next_occurrence(&local, false).ok()?;
        SystemTime::try_from(next.timestamp())
            .ok()?
            .checked_sub(self.before)
    }

    /// Waits until the next time, and returns it. `None`, at once, if there is none.
    ///
    /// Times that pass while the caller does something else are left out: two runs never overlap.
    pub async fn wait(&self, clock: &Clock) -> Option<SystemTime> {
        let next = self.next(clock.wall())?;
        let due = next.checked_add(self.jitter.mul_f64(fastrand::f64()))?;
        while let Ok(left) = due.duration_since(clock.wall()) {
            if left.is_zero() {
                break;
            }
            sleep(left.min(LOOK)).await;
        }
        Some(next)
    }

    /// Returns a time as people in the time zone write it.
    #[must_use]
    pub fn show(&self, time: SystemTime) -> String {
        let stamp = Timestamp::try_from(time).unwrap_or_default();
        let local = stamp.to_zoned_datetime(self.zone.clone());
        local.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}
