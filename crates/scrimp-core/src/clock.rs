//! One source for intervals and for dates.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

/// Source of the time of a custom [`Clock`].
pub trait TimeSource: Send + Sync + 'static {
    /// Returns a point for measuring intervals; it never goes back.
    fn instant(&self) -> Instant;

    /// Returns the date of a wall clock; it may jump in either direction.
    fn wall(&self) -> SystemTime;
}

/// Clock of the layers.
///
/// Intervals (an entry's age, a latency) come from [`Instant`], which follows tokio's paused
/// clock; dates that are sent over the wire come from a wall clock. A jump of the wall clock
/// therefore never ages a stored response.
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
    /// Returns the clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a wall clock that shows `wall` now and moves with [`Instant`] from here on.
    ///
    /// Under tokio's paused clock this is virtual time, dates included.
    #[must_use]
    pub fn anchored(wall: SystemTime) -> Self {
        Self(Source::Anchored {
            wall,
            instant: Instant::now(),
        })
    }

    /// Returns a clock that reads a custom source.
    pub fn new(source: impl TimeSource) -> Self {
        Self(Source::Custom(Arc::new(source)))
    }

    /// Returns a point for measuring intervals.
    #[must_use]
    pub fn instant(&self) -> Instant {
        match &self.0 {
            Source::System | Source::Anchored { .. } => Instant::now(),
            Source::Custom(source) => source.instant(),
        }
    }

    /// Returns the date.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            // The only place that may read the machine's clock.
            #[expect(clippy::disallowed_methods)]
            Source::System => SystemTime::now(),
            Source::Anchored { wall, instant } => *wall + instant.elapsed(),
            Source::Custom(source) => source.wall(),
        }
    }

    /// Returns the time since 1970-01-01 UTC by the wall clock; zero before that.
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
