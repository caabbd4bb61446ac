//! Points and lengths of time in the form that takes least memory.

use std::{
    cmp::Ordering,
    num::NonZeroI64,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// The point that others are relative to.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// A point of the process's time, in nanoseconds before or after its start. Times that are further
/// away than 292 years are that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

/// A length of time in nanoseconds. One of 584 years or more is without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(u64);

/// A length of time in microseconds: at most an hour and eleven minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Micros(u32);

/// A date in whole seconds, rounded up: it is compared with dates of fields, which have no parts of
/// seconds. An optional one takes no more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Second(NonZeroI64);

// === impl Moment ===

impl Moment {
    /// Returns the time since an earlier point; zero since a later one.
    #[inline]
    pub(crate) fn since(self, earlier: Self) -> Span {
        let nanos = self.0.saturating_sub(earlier.0).max(0);
        Span(nanos.unsigned_abs())
    }

    /// Returns the point this long before.
    pub(crate) fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(signed(nanos(time))))
    }

    /// Returns the point this long after. `None` if that is unlimited.
    pub(crate) fn after(self, time: Duration) -> Option<Self> {
        let time = i64::try_from(nanos(time)).ok()?;
        self.0.checked_add(time).map(Self)
    }

    /// Returns it as an instant; the earliest or the latest one that the machine can represent if it
    /// is outside of them.
    pub(crate) fn instant(self) -> Instant {
        let distance = Duration::from_nanos(self.0.unsigned_abs());
        let start = *START;
        let at = |distance| match self.0 < 0 {
            true => start.checked_sub(distance),
            false => start.checked_add(distance),
        };
        let halved = |times| at(distance / (1_u32 << times));
        (0..31).find_map(halved).unwrap_or(start)
    }
}

impl From<Instant> for Moment {
    #[inline]
    fn from(instant: Instant) -> Self {
        let start = *START;
        Self(match instant.checked_duration_since(start) {
            Some(time) => signed(nanos(time)),
            None => -signed(nanos(start.saturating_duration_since(instant))),
        })
    }
}

#[inline]
fn nanos(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(SECOND);
    whole.saturating_add(time.subsec_nanos().into())
}

#[inline]
fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

// === impl Span ===

impl Span {
    pub(crate) const ZERO: Self = Self(0);

    #[inline]
    pub(crate) fn get(self) -> Duration {
        match self.0 {
            u64::MAX => Duration::MAX,
            nanos => Duration::from_nanos(nanos),
        }
    }

    /// Returns the difference from a shorter time; zero from a longer one. Of a time without end, all
    /// is left.
    #[inline]
    pub(crate) fn less(self, other: Self) -> Self {
        match self.0 {
            u64::MAX => self,
            nanos => Self(nanos.saturating_sub(other.0)),
        }
    }
}

impl From<Duration> for Span {
    fn from(time: Duration) -> Self {
        Self(nanos(time))
    }
}

// === impl Micros ===

impl Micros {
    pub(crate) fn get(self) -> Duration {
        Duration::from_micros(self.0.into())
    }
}

impl From<Duration> for Micros {
    fn from(time: Duration) -> Self {
        Self(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
    }
}

// === impl Second ===

impl Second {
    /// Returns seconds since 1970.
    fn get(self) -> i64 {
        self.0.get() ^ i64::MIN
    }

    /// Returns the date; 1970 if the machine cannot represent it.
    #[cfg(feature = "codec")]
    pub(crate) fn date(self) -> SystemTime {
        let distance = Duration::from_secs(self.get().unsigned_abs());
        let date = match self.get() < 0 {
            true => UNIX_EPOCH.checked_sub(distance),
            false => UNIX_EPOCH.checked_add(distance),
        };
        date.unwrap_or(UNIX_EPOCH)
    }
}

impl From<SystemTime> for Second {
    fn from(date: SystemTime) -> Self {
        let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let seconds = match date.duration_since(UNIX_EPOCH) {
            Ok(time) => whole(time).saturating_add(i64::from(time.subsec_nanos() > 0)),
            Err(before) => -whole(before.duration()),
        };
        // Only the earliest number is none, and that is not reached.
        Self(NonZeroI64::new(seconds ^ i64::MIN).unwrap_or(NonZeroI64::MAX))
    }
}

impl PartialOrd for Second {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Second {
    fn cmp(&self, other: &Self) -> Ordering {
        self.get().cmp(&other.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back_exactly() {
        let now = Instant::now();
        for time in [0, 1, 999_999_999, 1 << 40] {
            let time = Duration::from_nanos(time);
            for instant in [now + time, now.checked_sub(time).unwrap_or(now)] {
                assert_eq!(Moment::from(instant).instant(), instant);
            }
            assert_eq!(Moment::from(now + time).since(now.into()).get(), time);
            assert_eq!(Moment::from(now).since((now + time).into()), Span::ZERO);
            assert_eq!(Span::from(time).get(), time);
        }
    }

    #[test]
    fn what_is_too_long_stays_long() {
        let now = Moment::from(Instant::now());
        let endless = Span::from(Duration::MAX);
        assert_eq!(endless.less(Span(9)).get(), Duration::MAX);
        assert_eq!(
            (Span(9).less(Span(2)), Span(2).less(Span(9))),
            (Span(7), Span::ZERO)
        );
        assert_eq!(now.after(Duration::MAX), None);
        let century = Duration::from_secs(100 * 365 * 86_400);
        let old = now.before(Duration::MAX);
        assert!(now.since(old).get() > century);
        assert!(old.instant() <= now.instant());
        assert!(Micros::from(Duration::MAX).get() > Duration::from_secs(3_600));
    }

    #[test]
    fn dates_are_ordered_and_parts_of_seconds_count_as_whole_ones() {
        let at = |millis: u64| Second::from(UNIX_EPOCH + Duration::from_millis(millis));
        let before = |millis: u64| Second::from(UNIX_EPOCH - Duration::from_millis(millis));
        assert!(before(2_000) < before(1_000) && before(1_000) < at(0) && at(0) < at(1));
        assert_eq!((at(1), at(1_500)), (at(1_000), at(2_000)));
        assert_eq!(before(1_500), before(1_000));
        assert_eq!(size_of::<Option<Second>>(), 8);
    }
}
