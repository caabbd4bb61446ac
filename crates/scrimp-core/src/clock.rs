//! One source for intervals and for dates.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// Where a [`Clock`] reads the time, for clocks of your own.
pub trait TimeSource: Send + Sync + 'static {
    /// A point for measuring intervals; never goes back.
    fn instant(&self) -> Instant;

    /// The date, as a wall clock shows it; may jump either way.
    fn wall(&self) -> SystemTime;
}

/// The time as layers see it.
///
/// Intervals (an entry's age, a latency) come from [`Instant`], which obeys tokio's
/// paused clock; dates that go over the wire come from a wall clock. A step of the wall
/// clock therefore never ages a stored response.
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    Anchored {
        wall: SystemTime,
        instant: Instant,
    },
    Custom(Arc<dyn TimeSource>),
}

// === impl Clock ===

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A wall clock that shows `wall` now and moves with [`Instant`] from here on.
    ///
    /// Under tokio's paused clock this is virtual time, dates included.
    #[must_use]
    pub fn anchored(wall: SystemTime) -> Self {
        Self(Source::Anchored {
            wall,
            instant: Instant::now(),
        })
    }

    /// A clock of your own.
    pub fn new(source: impl TimeSource) -> Self {
        Self(Source::Custom(Arc::new(source)))
    }

    /// A point for measuring intervals.
    #[must_use]
    pub fn instant(&self) -> Instant {
        match &self.0 {
            Source::System | Source::Anchored { .. } => Instant::now(),
            Source::Custom(source) => source.instant(),
        }
    }

    /// The date.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            // The one place that may ask the machine.
            #[expect(clippy::disallowed_methods)]
            Source::System => SystemTime::now(),
            Source::Anchored { wall, instant } => *wall + instant.elapsed(),
            Source::Custom(source) => source.wall(),
        }
    }

    /// Time since 1970-01-01 UTC by the wall clock; zero before that.
    #[must_use]
    pub fn unix(&self) -> Duration {
        self.wall().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock(system)",
            Source::Anchored { .. } => "Clock(anchored)",
            Source::Custom(_) => "Clock(custom)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_anchored_clock_moves_with_the_paused_clock_and_only_with_it() {
        let start = UNIX_EPOCH + Duration::from_secs(1_431_857_100);
        let clock = Clock::anchored(start);
        assert_eq!(clock.wall(), start);
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!(clock.wall(), start + Duration::from_secs(86_400));
        assert_eq!(clock.unix(), Duration::from_secs(1_431_857_100 + 86_400));
    }
}
