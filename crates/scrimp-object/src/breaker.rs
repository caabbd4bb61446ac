//! A breaker: what fails several times in turn is not asked for a while.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// Failures in turn that open the breaker.
const FAILURES: u32 = 4;

/// First and longest time for which the breaker is open.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Counts failures in turn.
#[derive(Debug)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        wait: Duration,
    },
    /// One call finds out.
    Probing {
        wait: Duration,
    },
}

/// A call that the breaker has admitted. One that is dropped without an end was too slow for its
/// caller, and counts as failed.
#[derive(Debug)]
pub(crate) struct Trial {
    breaker: Arc<Breaker>,
    ended: bool,
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Closed { failures: 0 })))
    }

    /// Admits a call, unless the breaker is open.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Trial> {
        let mut state = self.0.lock();
        match *state {
            State::Closed { .. } => {}
            State::Open { until, wait } if until <= Instant::now() => {
                *state = State::Probing { wait };
            }
            State::Open { .. } | State::Probing { .. } => return None,
        }
        Some(Trial {
            breaker: Arc::clone(self),
            ended: false,
        })
    }

    /// Reports whether calls are refused for now.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(*self.0.lock(), State::Closed { .. })
    }

    fn failed(&self) {
        let mut state = self.0.lock();
        *state = match *state {
            State::Closed { failures } if failures + 1 < FAILURES => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } => State::open(FIRST),
            State::Probing { wait } => State::open((2 * wait).min(LONGEST)),
            // A call that was admitted before.
            open @ State::Open { .. } => open,
        };
    }
}

// === impl State ===

impl State {
    fn open(wait: Duration) -> Self {
        let until = Instant::now() + wait;
        Self::Open { until, wait }
    }
}

// === impl Trial ===

impl Trial {
    /// Ends a call that the other side has answered.
    pub(crate) fn succeeded(mut self) {
        self.ended = true;
        *self.breaker.0.lock() = State::Closed { failures: 0 };
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if !self.ended {
            self.breaker.failed();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_in_turn_open_it_and_one_call_at_a_time_finds_out() {
        let breaker = Breaker::new();
        for _ in 0..FAILURES - 1 {
            drop(breaker.admit().expect("closed"));
        }
        breaker.admit().expect("closed").succeeded();
        for _ in 0..FAILURES {
            drop(breaker.admit().expect("closed"));
        }
        let mut wait = FIRST;
        for _ in 0..8 {
            assert!(breaker.admit().is_none() && breaker.is_open());
            advance(wait - Duration::from_millis(1)).await;
            assert!(breaker.admit().is_none());
            advance(Duration::from_millis(1)).await;
            let probe = breaker.admit().expect("half open");
            assert!(breaker.admit().is_none(), "one at a time");
            drop(probe);
            wait = (2 * wait).min(LONGEST);
        }
        advance(wait).await;
        breaker.admit().expect("half open").succeeded();
        assert!(breaker.admit().is_some() && !breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_success_of_an_earlier_call_closes_it() {
        let breaker = Breaker::new();
        let slow = breaker.admit().expect("closed");
        (0..FAILURES).for_each(|_| drop(breaker.admit()));
        assert!(breaker.is_open());
        slow.succeeded();
        assert!(!breaker.is_open());
    }
}
