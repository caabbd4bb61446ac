//! The pace of a client: a time of waiting, which the bytes that it moves extend.

use std::{error::Error, fmt, time::Duration};

use tokio::time::Instant;

/// A grace, and a rate in bytes per second.
///
/// A client may keep the gateway waiting for the grace. Each byte that it moves gives it time back,
/// up to the grace: at the rate it can go on without an end, below it the time runs out, and a
/// standstill never takes longer than the grace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) grace: Duration,
    pub(crate) rate: u32,
}

/// The time that one client still has.
#[derive(Debug)]
pub(crate) struct Patience {
    pace: Pace,
    left: Duration,
    waiting_since: Option<Instant>,
}

/// The error of a body that arrives too slowly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooSlow;

// === impl Pace ===

impl Pace {
    pub(crate) fn patience(self) -> Patience {
        Patience {
            pace: self,
            left: self.grace,
            waiting_since: None,
        }
    }

    fn worth(self, bytes: usize) -> Duration {
        let nanos = (bytes as u128) * 1_000_000_000 / u128::from(self.rate.max(1));
        u64::try_from(nanos).map_or(self.grace, Duration::from_nanos)
    }
}

// === impl Patience ===

impl Patience {
    /// Begins to wait for the client, or goes on. Returns the end of the patience.
    pub(crate) fn wait(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.left
    }

    /// Returns the end of the patience, if the gateway waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + self.left)
    }

    /// Ends the wait, as the client has moved `bytes` bytes.
    pub(crate) fn moved(&mut self, now: Instant, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.left = self.left.saturating_sub(now - since);
        }
        self.left = (self.left + self.pace.worth(bytes)).min(self.pace.grace);
    }
}

// === impl TooSlow ===

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body arrived too slowly")
    }
}

impl Error for TooSlow {}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(10),
        rate: 100,
    };

    /// Returns the second at which a client that moves `bytes` each second is given up.
    fn end_at(bytes: usize) -> Option<u64> {
        let start = Instant::now();
        let mut patience = PACE.patience();
        (1..10_000).find(|second| {
            let now = start + Duration::from_secs(*second);
            let over = patience.wait(now - Duration::from_secs(1)) <= now;
            patience.moved(now, bytes);
            over
        })
    }

    #[test]
    fn a_client_at_the_rate_is_never_given_up_and_one_below_it_is() {
        assert_eq!(end_at(100), None);
        assert_eq!(end_at(1 << 40), None);
        assert_eq!(end_at(0), Some(10));
        // Half the rate: each second costs half a second.
        assert_eq!(end_at(50), Some(19));
        assert_eq!(end_at(99), Some(901));
    }

    #[test]
    fn much_at_once_buys_no_longer_standstill() {
        let now = Instant::now();
        let mut patience = PACE.patience();
        patience.moved(now, usize::MAX);
        assert_eq!(patience.wait(now), now + PACE.grace);
    }

    #[test]
    fn time_in_which_the_gateway_does_not_wait_costs_nothing() {
        let now = Instant::now();
        let mut patience = PACE.patience();
        let later = now + Duration::from_secs(1_000);
        patience.moved(later, 1);
        assert_eq!(patience.deadline(), None);
        assert_eq!(patience.wait(later), later + PACE.grace);
        assert_eq!(patience.wait(later + PACE.grace / 2), later + PACE.grace);
    }
}
