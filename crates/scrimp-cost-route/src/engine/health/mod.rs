//! Health of providers: ejection, probes and the way back.

mod row;
#[cfg(test)]
mod tests;

use tokio::time::Instant;

use self::row::{Row, is_mostly_failing};

/// Seconds of the first ejection: one probe then tells an outage from chance.
const FIRST: f64 = 1.0;
/// Shares of the requests that are let through on the way back, in thousandths.
const RAMP: [u32; 2] = [100, 500];
/// Successes or seconds that a step of the ramp asks for.
const STEP_SUCCESSES: u32 = 3;
const STEP_SECONDS: f64 = 10.0;

/// Health of a provider: the share of requests it gets.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// It gets all requests that it is chosen for.
    Up,
    /// It gets no requests for a while.
    Out {
        /// Time at which the first probe may go.
        until: Instant,
    },
    /// It gets one request at a time, as a probe.
    HalfOpen,
    /// It gets a growing share of the requests.
    Ramp {
        /// The share, in thousandths.
        permille: u32,
    },
}

/// Failure of a call, and the expectation of the provider at that time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    /// Seconds that the provider asked to be left alone for.
    pub(super) retry_after: Option<f64>,
    /// Expected share of failures before this one.
    pub(super) rate: f64,
    /// Decayed counts of failures and attempts, including this one.
    pub(super) counts: (f64, f64),
    /// Longest ejection, in seconds.
    pub(super) longest: f64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    state: State,
    row: Row,
    /// Number of ejections since the provider was last up.
    outages: u32,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Up,
    Out {
        until: f64,
        probing: bool,
    },
    Ramp {
        step: usize,
        successes: u32,
        since: f64,
        credit: u32,
    },
}

// === impl Breaker ===

impl Breaker {
    /// Returns the provider's health. `at` converts a time to an instant.
    pub(super) fn health(&self, now: f64, at: impl FnOnce(f64) -> Instant) -> Health {
        match self.state {
            State::Up => Health::Up,
            State::Out { until, .. } if now < until => Health::Out { until: at(until) },
            State::Out { .. } => Health::HalfOpen,
            State::Ramp { step, .. } => Health::Ramp {
                permille: RAMP[step],
            },
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    pub(super) fn is_half_open(&self, now: f64) -> bool {
        matches!(self.state, State::Out { until, .. } if now >= until)
    }

    /// Reports whether the provider may be chosen for this request. Counts the request if only
    /// a share is let through.
    pub(super) fn admits(&mut self, now: f64) -> bool {
        match &mut self.state {
            State::Up => true,
            State::Out { until, probing } => now >= *until && !*probing,
            State::Ramp {
                step,
                since,
                credit,
                successes,
            } => {
                if now - *since > STEP_SECONDS && *successes > 0 {
                    (*step, *since, *successes) = (*step + 1, now, 0);
                    if *step >= RAMP.len() {
                        self.state = State::Up;
                        return true;
                    }
                }
                *credit += RAMP[*step];
                if *credit < 1_000 {
                    return false;
                }
                // Unused credit is not saved up: it would come as a burst.
                *credit = 1_000;
                true
            }
        }
    }

    /// Returns when the provider may be asked again, for the case that all are out.
    pub(super) fn out_until(&self) -> f64 {
        match self.state {
            State::Out { until, .. } => until,
            State::Up | State::Ramp { .. } => 0.0,
        }
    }

    /// Counts a choice of the provider.
    pub(super) fn started(&mut self) {
        self.row.started();
        match &mut self.state {
            State::Up => {}
            State::Out { probing, .. } => *probing = true,
            State::Ramp { credit, .. } => *credit = credit.saturating_sub(1_000),
        }
    }

    /// Counts a cancelled call: another probe may go.
    pub(super) fn cancelled(&mut self) {
        if let State::Out { probing, .. } = &mut self.state {
            *probing = false;
        }
    }

    /// Counts a success of a call that began at `start`.
    pub(super) fn succeeded(&mut self, now: f64, start: f64) {
        self.row.succeeded(start);
        match &mut self.state {
            State::Out { until, .. } if now >= *until => self.come_back(now),
            // Calls that began before the ejection may still succeed.
            State::Up | State::Out { .. } => {}
            State::Ramp {
                step,
                successes,
                since,
                ..
            } => {
                *successes += 1;
                if *successes >= STEP_SUCCESSES {
                    (*step, *successes, *since) = (*step + 1, 0, now);
                    if *step >= RAMP.len() {
                        self.state = State::Up;
                    }
                }
            }
        }
    }

    fn come_back(&mut self, now: f64) {
        // Back at the first probe: the failures were chance, or are over, and no requests wait.
        let was_chance = self.outages == 1;
        self.outages = 0;
        self.state = if was_chance {
            State::Up
        } else {
            State::Ramp {
                step: 0,
                successes: 0,
                since: now,
                credit: 0,
            }
        };
    }

    /// Counts a failure. If it ejects the provider, returns the number of failures in a row:
    /// earlier observations say nothing about its present state.
    pub(super) fn failed(&mut self, now: f64, failure: &Failure) -> Option<u32> {
        self.row.failed(now, failure.rate);
        if let State::Out { until, probing } = &mut self.state
            && now < *until
            && !*probing
        {
            // A call that began before. A longer wait that it asks for counts all the same.
            *until = until.max(now + failure.retry_after.unwrap_or(0.0));
            return None;
        }
        let (failures, attempts) = failure.counts;
        let is_out = matches!(self.state, State::Out { .. })
            || self.row.is_an_outage()
            || is_mostly_failing(failures, attempts);
        if let Some(seconds) = failure.retry_after {
            self.put_out(now + seconds);
            return None;
        }
        if !is_out {
            return None;
        }
        let backoff = FIRST * f64::from(self.outages.min(10)).exp2();
        self.put_out(now + backoff.min(failure.longest));
        self.outages += 1;
        Some(self.row.count())
    }

    fn put_out(&mut self, until: f64) {
        self.state = State::Out {
            until,
            probing: false,
        };
    }
}
