//! A clock that the test sets.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use scrimp_core::{Clock, TimeSource};
use tokio::time::Instant;

/// A [`TimeSource`] that moves only when the test moves it. Clones show the same time.
///
/// The wall clock can be set in either direction; the instant only goes forward.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    instant: Instant,
    wall: SystemTime,
}

// === impl ManualClock ===

impl ManualClock {
    /// Makes a clock whose wall clock shows `wall`.
    #[must_use]
    pub fn new(wall: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            instant: Instant::now(),
            wall,
        })))
    }

    /// Returns this clock in the type that layers take.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, time: Duration) {
        let mut hands = self.0.lock();
        hands.instant += time;
        hands.wall += time;
    }

    /// Lets time pass on the instant only.
    pub fn advance_instant(&self, time: Duration) {
        self.0.lock().instant += time;
    }

    /// Sets the wall clock, forward or back, without letting time pass.
    pub fn set_wall(&self, wall: SystemTime) {
        self.0.lock().wall = wall;
    }
}

impl TimeSource for ManualClock {
    fn instant(&self) -> Instant {
        self.0.lock().instant
    }

    fn wall(&self) -> SystemTime {
        self.0.lock().wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn the_wall_may_go_back_while_the_instant_goes_on() {
        let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let manual = ManualClock::new(start);
        let clock = manual.clock();
        let before = clock.instant();
        manual.advance(Duration::from_secs(5));
        manual.set_wall(start - Duration::from_secs(3600));
        manual.advance_instant(Duration::from_secs(2));
        assert_eq!(clock.instant() - before, Duration::from_secs(7));
        assert_eq!(clock.wall(), start - Duration::from_secs(3600));
    }
}
