//! Points of time in encoded form.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use scrimp_core::Clock;
use tokio::time::Instant;

use super::{
    DecodeError,
    layout::{Reader, Writer},
};
use crate::{digest::Digest, policy::judge::Moment};

/// Identifier of this process.
static PROCESS: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));

/// The readings of both clocks at one moment, and the process they belong to.
///
/// A point of time is encoded as the distance from the start of the process, which is exact for that
/// process. For others, the wall clock at the time of encoding says how long ago it was.
#[derive(Clone, Copy)]
pub(super) struct Now {
    process: u64,
    instant: Instant,
    at: Moment,
    /// Nanoseconds since 1970 by the wall clock.
    wall: i128,
}

// === impl Now ===

impl Now {
    pub(super) fn read(clock: &Clock) -> Self {
        Self::new(*PROCESS, clock.instant(), wall(clock.wall()))
    }

    /// Reads the clock for intervals, and takes the wall clock of the process that encoded something at
    /// `encoded`, this long after.
    pub(super) fn after(clock: &Clock, encoded: Encoded, time: Duration) -> Self {
        let wall = encoded.wall.saturating_add(nanos(time));
        Self::new(*PROCESS, clock.instant(), wall)
    }

    fn new(process: u64, instant: Instant, wall: i128) -> Self {
        Self {
            process,
            instant,
            at: instant.into(),
            wall,
        }
    }

    pub(super) fn instant(self) -> Instant {
        self.instant
    }

    /// Returns it as the time of encoding.
    pub(super) fn encoded(self) -> Encoded {
        Encoded {
            process: self.process,
            at: self.at.number(),
            wall: self.wall,
        }
    }

    #[cfg(test)]
    pub(super) fn of_another_process(self) -> Self {
        Self {
            process: !self.process,
            ..self
        }
    }
}

/// The time of encoding. All points of time beside it are those of the same process.
#[derive(Clone, Copy)]
pub(super) struct Encoded {
    process: u64,
    at: i64,
    wall: i128,
}

// === impl Encoded ===

impl Encoded {
    pub(super) fn write(self, out: &mut Writer) {
        out.put(self.process.to_le_bytes());
        out.put(self.at.to_le_bytes());
        out.put(self.wall.to_le_bytes());
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            process: bytes.u64()?,
            at: bytes.i64()?,
            wall: i128::from_le_bytes(*bytes.chunk()?),
        })
    }

    /// Returns a moment of the process that encoded it, as the decoding one sees it.
    ///
    /// # Errors
    ///
    /// If it was encoded in the future, by the wall clock.
    pub(super) fn moment(self, number: i64, now: Now) -> Result<Moment, DecodeError> {
        if self.process == now.process {
            return Ok(Moment::from_number(number));
        }
        // The time between the two processes is that of the wall clock. A moment that is not past when
        // it is encoded is the time of encoding.
        let gone_by = now.wall.saturating_sub(self.wall);
        let before = self.at.saturating_sub(number).max(0);
        if gone_by < 0 {
            return Err(DecodeError::Future);
        }
        let gone_by = u64::try_from(gone_by).unwrap_or(u64::MAX);
        let ago = gone_by.saturating_add(before.unsigned_abs());
        Ok(now.at.before(Duration::from_nanos(ago)))
    }

    /// Returns a number that tells the response sent at a moment, under the key with this digest, from
    /// others.
    pub(super) fn id(self, number: i64, key: &Digest) -> u64 {
        // An odd number near 2⁶⁴ divided by the golden ratio spreads moments over all bits.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let key = key
            .first_chunk()
            .map_or(0, |start| u64::from_le_bytes(*start));
        key ^ self.process ^ number.cast_unsigned().wrapping_mul(SPREAD)
    }
}

fn wall(date: SystemTime) -> i128 {
    match date.duration_since(UNIX_EPOCH) {
        Ok(time) => nanos(time),
        Err(error) => -nanos(error.duration()),
    }
}

fn nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}
