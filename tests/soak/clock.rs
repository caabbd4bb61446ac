//! A wall clock that jumps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use scrimp::core::{Clock, TimeSource};
use tokio::time::{Instant, sleep};

use crate::dice::Dice;

/// The machine's clock, with an offset of its wall clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct JumpingClock(Arc<AtomicI64>);

// === impl JumpingClock ===

impl JumpingClock {
    pub(crate) fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }

    /// Jumps forth and back by up to a day, and is right most of the time.
    pub(crate) async fn jump(self, dice: Arc<Dice>, until: Instant) {
        let mut random = dice.fork();
        while Instant::now() < until {
            sleep(Duration::from_millis(random.u64(500..3_000))).await;
            if !dice.is_on() {
                break;
            }
            dice.tally.one("chaos", "clock: a jump there and back");
            self.0.store(random.i64(-86_400..86_400), Relaxed);
            sleep(Duration::from_millis(random.u64(10..500))).await;
            self.0.store(0, Relaxed);
        }
    }
}

impl TimeSource for JumpingClock {
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        let wall = Clock::system().wall();
        let offset = self.0.load(Relaxed);
        let time = Duration::from_secs(offset.unsigned_abs());
        match offset < 0 {
            true => wall - time,
            false => wall + time,
        }
    }
}
