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

/// A call that the breaker has admitted. One that is dropped without an end counts as failed if it
/// was too slow for its caller, and otherwise not at all: the caller may have gone away.
#[derive(Debug)]
pub(crate) struct Trial {
    breaker: Arc<Breaker>,
    /// Time from which on it is too slow.
    slow_at: Instant,
    /// Flag that the breaker is open but for this call.
    probes: bool,
    ended: bool,
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Closed { failures: 0 })))
    }

    /// Admits a call, unless the breaker is open. One that its caller gives up counts as failed if it
    /// has taken at least this time.
    pub(crate) fn admit(self: &Arc<Self>, patience: Duration) -> Option<Trial> {
        let now = Instant::now();
        let mut state = self.0.lock();
        let probes = match *state {
            State::Closed { .. } => false,
            State::Open { until, wait } if until <= now => {
                *state = State::Probing { wait };
                true
            }
            State::Open { .. } | State::Probing { .. } => return None,
        };
        Some(Trial {
            breaker: Arc::clone(self),
            slow_at: now + patience,
            probes,
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
    /// Lets the next call find out in place of one that was given up.
    fn give_back(&mut self) {
        if let Self::Probing { wait } = *self {
            let until = Instant::now();
            *self = Self::Open { until, wait };
        }
    }

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

    /// Ends a call that failed.
    pub(crate) fn failed(mut self) {
        self.ended = true;
        self.breaker.failed();
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        match (self.slow_at <= Instant::now(), self.probes) {
            (true, _) => self.breaker.failed(),
            (false, true) => self.breaker.0.lock().give_back(),
            (false, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(250);

    #[tokio::test(start_paused = true)]
    async fn failures_in_turn_open_it_and_one_call_at_a_time_finds_out() {
        let breaker = Breaker::new();
        for _ in 0..FAILURES - 1 {
            breaker.admit(PATIENCE).expect("closed").failed();
        }
        breaker.admit(PATIENCE).expect("closed").succeeded();
        for _ in 0..FAILURES {
            breaker.admit(PATIENCE).expect("closed").failed();
        }
        let mut wait = FIRST;
        for _ in 0..8 {
            assert!(breaker.admit(PATIENCE).is_none() && breaker.is_open());
            advance(wait - Duration::from_millis(1)).await;
            assert!(breaker.admit(PATIENCE).is_none());
            advance(Duration::from_millis(1)).await;
            let probe = breaker.admit(PATIENCE).expect("half open");
            assert!(breaker.admit(PATIENCE).is_none(), "one at a time");
            probe.failed();
            wait = (2 * wait).min(LONGEST);
        }
        advance(wait).await;
        breaker.admit(PATIENCE).expect("half open").succeeded();
        assert!(breaker.admit(PATIENCE).is_some() && !breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_success_of_an_earlier_call_closes_it() {
        let breaker = Breaker::new();
        let slow = breaker.admit(PATIENCE).expect("closed");
        for _ in 0..FAILURES {
            breaker.admit(PATIENCE).expect("closed").failed();
        }
        assert!(breaker.is_open());
        slow.succeeded();
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_counts_only_if_it_was_slow_and_gives_a_probe_back() {
        let breaker = Breaker::new();
        let almost = PATIENCE - Duration::from_millis(1);
        for _ in 0..100 {
            let given_up = breaker.admit(PATIENCE).expect("closed");
            advance(almost).await;
            drop(given_up);
        }
        for _ in 0..FAILURES {
            let slow = breaker.admit(PATIENCE).expect("closed");
            advance(PATIENCE).await;
            drop(slow);
        }
        assert!(breaker.admit(PATIENCE).is_none());
        advance(FIRST).await;
        for _ in 0..100 {
            let probe = breaker.admit(PATIENCE).expect("half open");
            assert!(breaker.admit(PATIENCE).is_none(), "one at a time");
            advance(almost).await;
            drop(probe);
            assert!(breaker.is_open());
        }
        let probe = breaker.admit(PATIENCE).expect("half open");
        advance(PATIENCE).await;
        drop(probe);
        advance(2 * FIRST - Duration::from_millis(1)).await;
        assert!(breaker.admit(PATIENCE).is_none(), "it has failed");
    }
}
