//! Points of time in encoded form.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use scrimp_core::Clock;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::DecodeError;
use crate::digest::Digest;

/// Identifier of this process, and the point of its time that others are relative to.
static PROCESS: LazyLock<(u64, Instant)> = LazyLock::new(|| (fastrand::u64(..), Instant::now()));

/// The readings of both clocks at one moment, and the process they belong to.
#[derive(Clone, Copy)]
pub(super) struct Now {
    process: u64,
    instant: Instant,
    wall: SystemTime,
}

/// A point of time: exact for the process that encoded it, by the wall clock for others.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Moment {
    process: u64,
    since_start: Distance,
    date: Date,
}

/// A date.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Date(Distance);

/// Distance before or after some point.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Distance {
    Behind(Duration),
    Before(Duration),
}

/// A point of time as the decoding process sees it.
pub(super) enum Past {
    /// A time in this process.
    At(Instant),
    /// A time in another process, this long ago.
    Ago(Duration),
}

// === impl Now ===

impl Now {
    pub(super) fn read(clock: &Clock) -> Self {
        Self {
            process: PROCESS.0,
            instant: clock.instant(),
            wall: clock.wall(),
        }
    }

    pub(super) fn instant(self) -> Instant {
        self.instant
    }

    /// Reads the clock for intervals, and takes the wall clock of the process that encoded something at
    /// `encoded`, this long after.
    pub(super) fn after(clock: &Clock, encoded: SystemTime, time: Duration) -> Self {
        Self {
            process: PROCESS.0,
            instant: clock.instant(),
            wall: encoded.checked_add(time).unwrap_or_else(|| clock.wall()),
        }
    }

    /// Returns the reading of the wall clock.
    pub(super) fn date(self) -> Date {
        Date::new(self.wall)
    }

    #[cfg(test)]
    pub(super) fn of_another_process(self) -> Self {
        Self {
            process: !self.process,
            ..self
        }
    }

    /// Returns an instant this long ago, or the earliest that the machine can represent: it has no
    /// instants before its start.
    pub(super) fn ago(self, time: Duration) -> Instant {
        let halved = |times| self.instant.checked_sub(time / (1_u32 << times));
        (0..31).find_map(halved).unwrap_or(self.instant)
    }
}

// === impl Moment ===

impl Moment {
    pub(super) fn new(instant: Instant, now: Now) -> Self {
        let start = PROCESS.1;
        let since_start = match instant.checked_duration_since(start) {
            Some(time) => Distance::Behind(time),
            None => Distance::Before(start.saturating_duration_since(instant)),
        };
        let age = now.instant.saturating_duration_since(instant);
        let date = now.wall.checked_sub(age).unwrap_or(UNIX_EPOCH);
        Self {
            process: now.process,
            since_start,
            date: Date::new(date),
        }
    }

    /// Returns a number that tells the response sent at this moment, under the key with this digest, from
    /// others.
    pub(super) fn id(self, key: &Digest) -> u64 {
        // An odd number near 2⁶⁴ divided by the golden ratio spreads moments over all bits.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let (Distance::Behind(time) | Distance::Before(time)) = self.since_start;
        let nanos = time.as_nanos() as u64;
        let key = key
            .first_chunk()
            .map_or(0, |start| u64::from_le_bytes(*start));
        key ^ self.process ^ nanos.wrapping_mul(SPREAD)
    }

    pub(super) fn past(self, now: Now) -> Result<Past, DecodeError> {
        if self.process == now.process {
            let instant = match self.since_start {
                Distance::Behind(time) => PROCESS.1.checked_add(time),
                Distance::Before(time) => PROCESS.1.checked_sub(time),
            };
            return instant.map(Past::At).ok_or(DecodeError::Damaged("time"));
        }
        let ago = now.wall.duration_since(self.date.get()?);
        ago.map(Past::Ago).map_err(|_| DecodeError::Future)
    }
}

// === impl Date ===

impl Date {
    pub(super) fn new(date: SystemTime) -> Self {
        Self(match date.duration_since(UNIX_EPOCH) {
            Ok(time) => Distance::Behind(time),
            Err(error) => Distance::Before(error.duration()),
        })
    }

    pub(super) fn get(self) -> Result<SystemTime, DecodeError> {
        let date = match self.0 {
            Distance::Behind(time) => UNIX_EPOCH.checked_add(time),
            Distance::Before(time) => UNIX_EPOCH.checked_sub(time),
        };
        date.ok_or(DecodeError::Damaged("date"))
    }
}
