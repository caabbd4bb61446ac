//! Times of jiff, as croner needs them. Its own support of jiff is for an earlier version.

use std::cmp::Ordering;

use croner::{
    CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday, errors::CronError,
};
use jiff::{SignedDuration, ZonedDateTime, civil::DateTime, tz::AmbiguousOffset};

/// A time in its time zone.
#[derive(Debug, Clone)]
pub(super) struct Local(pub(super) ZonedDateTime);

// === impl Local ===

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let part = |value: i8| u32::from(value.unsigned_abs());
        let time = self.0.datetime();
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(
                i32::from(time.year()),
                part(time.month()),
                part(time.day()),
            ),
            CivilTime::from_parts_unchecked(
                part(time.hour()),
                part(time.minute()),
                part(time.second()),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let sunday_zero = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::from(sunday_zero.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let time = datetime(civil).ok_or(CronError::InvalidDate)?;
        let found = self.0.time_zone().to_ambiguous_zoned_datetime(time);
        let is_ambiguous = match found.offset() {
            AmbiguousOffset::Gap { .. } => return Ok(Resolution::Gap),
            AmbiguousOffset::Unambiguous { .. } => false,
            AmbiguousOffset::Fold { .. } => true,
        };
        let earlier = found
            .clone()
            .earlier()
            .map_err(|_| CronError::InvalidTime)?;
        if !is_ambiguous {
            return Ok(Resolution::Single(Self(earlier)));
        }
        let later = found.later().map_err(|_| CronError::InvalidTime)?;
        Ok(Resolution::Ambiguous(Self(earlier), Self(later)))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let moved = self.0.checked_add(SignedDuration::from_secs(seconds));
        moved.ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

fn datetime(civil: CivilDateTime) -> Option<DateTime> {
    let part = |value: u32| i8::try_from(value).ok();
    DateTime::new(
        i16::try_from(civil.year()).ok()?,
        part(civil.month())?,
        part(civil.day())?,
        part(civil.hour())?,
        part(civil.minute())?,
        part(civil.second())?,
        0,
    )
    .ok()
}
