//! Who is out, until when, and how it comes back.

/// Failures in a row that put a provider out.
const IN_A_ROW: u32 = 3;
/// While it is on its way back, fewer do.
const RAMP_ROW: u32 = 2;
/// Unless the provider fails so often anyway that a row of them is likelier than this: it
/// may be the best one all the same, which is for the score to say.
const CHANCE: f64 = 0.001;
/// A failure rate that is surely above this puts it out too.
const RATE: f64 = 0.5;
/// Of how many attempts at least.
const ATTEMPTS: f64 = 8.0;
/// How long, in seconds: the first time, and at most.
const FIRST: f64 = 10.0;
const LONGEST: f64 = 120.0;
/// Each time a row turns out to have been chance, the next has to be two longer, up to this.
const MOST_ALARMS: u32 = 8;
/// Seconds without a failure after which that is forgotten.
const FORGET: f64 = 300.0;
/// Shares of the requests let through on the way back, in thousandths.
const RAMP: [u32; 2] = [100, 500];
/// What a step of the ramp asks for: so many successes, or so many seconds.
const STEP_SUCCESSES: u32 = 3;
const STEP_SECONDS: f64 = 10.0;

/// Whether a provider gets requests.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// All it is chosen for.
    Up,
    /// None, until this many seconds on the router's clock.
    Out {
        /// When the first probe may go.
        until: f64,
    },
    /// One at a time, to see whether it is back.
    HalfOpen,
    /// A growing share.
    Ramp {
        /// The share, in thousandths.
        permille: u32,
    },
}

#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    state: State,
    failures_in_a_row: u32,
    row_began: f64,
    /// Calls that began since then.
    begun_in_row: u32,
    /// Share of failures before the row began.
    rate_before: f64,
    /// Probes that failed since it was put out.
    outages: u32,
    /// How often the first probe after a row went well: it was chance, or is over at once.
    false_alarms: u32,
    last_failure: f64,
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
    pub(super) fn health(&self, now: f64) -> Health {
        match self.state {
            State::Up => Health::Up,
            State::Out { until, .. } if now < until => Health::Out { until },
            State::Out { .. } => Health::HalfOpen,
            State::Ramp { step, .. } => Health::Ramp {
                permille: RAMP[step],
            },
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// Whether it may be chosen for this request. Counts the request, where only a share
    /// is let through.
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

    /// When the provider may be asked again, for the case that all are out.
    pub(super) fn out_until(&self) -> f64 {
        match self.state {
            State::Out { until, .. } => until,
            State::Up | State::Ramp { .. } => 0.0,
        }
    }

    /// It was chosen.
    pub(super) fn started(&mut self) {
        self.begun_in_row = self.begun_in_row.saturating_add(1);
        match &mut self.state {
            State::Up => {}
            State::Out { probing, .. } => *probing = true,
            State::Ramp { credit, .. } => *credit = credit.saturating_sub(1_000),
        }
    }

    /// A call was given up before it had an end: a probe may go again.
    pub(super) fn cancelled(&mut self) {
        if let State::Out { probing, .. } = &mut self.state {
            *probing = false;
        }
    }

    /// `start` is when the call had begun: what was under way when the failures began says nothing of how it is now.
    pub(super) fn succeeded(&mut self, now: f64, start: f64) {
        if start >= self.row_began {
            self.failures_in_a_row = 0;
        }
        match &mut self.state {
            State::Up if now - self.last_failure > FORGET => self.false_alarms = 0,
            // Calls that began before it was put out may still come in well.
            State::Out { until, .. } if now >= *until => {
                if self.outages <= 3 {
                    self.false_alarms = (self.false_alarms + 2).min(MOST_ALARMS);
                }
                self.outages = 0;
                self.state = State::Ramp {
                    step: 0,
                    successes: 0,
                    since: now,
                    credit: 0,
                };
            }
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

    /// `retry_after`: what the provider asked for, in seconds. `rate` is the share of
    /// failures as it was thought to be before this one, `attempts` and `failures` are the
    /// decayed counts with it.
    pub(super) fn failed(
        &mut self,
        now: f64,
        retry_after: Option<f64>,
        rate: f64,
        (failures, attempts): (f64, f64),
    ) {
        if self.failures_in_a_row == 0 {
            self.rate_before = rate;
            self.row_began = now;
            self.begun_in_row = 1;
        }
        self.failures_in_a_row += 1;
        self.last_failure = now;
        if let State::Out { until, probing } = self.state
            && now < until
            && !probing
        {
            // One that began before. A longer wait that it asks for counts all the same.
            let until = until.max(now + retry_after.unwrap_or(0.0));
            self.state = State::Out { until, probing };
            return;
        }
        let out = retry_after.is_some()
            || matches!(self.state, State::Out { .. })
            || (matches!(self.state, State::Ramp { .. }) && self.failures_in_a_row >= RAMP_ROW)
            || self.is_a_row()
            || (attempts >= ATTEMPTS && lower_bound(failures, attempts) > RATE);
        if out {
            if matches!(self.state, State::Out { .. }) {
                self.false_alarms /= 2;
            }
            let backoff = FIRST * f64::from(self.outages.min(10)).exp2();
            let seconds = retry_after.unwrap_or_else(|| backoff.min(LONGEST));
            self.outages += u32::from(retry_after.is_none());
            self.state = State::Out {
                until: now + seconds,
                probing: false,
            };
        }
    }
}

impl Breaker {
    /// Failures come back sooner than answers do, so a row of them proves little while
    /// others that began with it are still under way.
    fn is_a_row(&self) -> bool {
        let count = self.failures_in_a_row;
        count >= IN_A_ROW + self.false_alarms
            && count >= self.begun_in_row
            && self.rate_before.powf(f64::from(count)) < CHANCE
    }
}

/// The lower end of the Wilson interval, 95 %, of a rate: what it is at least, by what was
/// seen.
fn lower_bound(hits: f64, of: f64) -> f64 {
    const Z: f64 = 1.96;
    let rate = (hits / of).clamp(0.0, 1.0);
    let spread = Z * (rate * (1.0 - rate) / of + Z * Z / (4.0 * of * of)).sqrt();
    (rate + Z * Z / (2.0 * of) - spread) / (1.0 + Z * Z / of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, now: f64) {
        breaker.failed(now, None, 0.01, (3.0, 3.0));
    }

    fn out() -> Breaker {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| fail(&mut breaker, 0.0));
        breaker
    }

    #[test]
    fn three_failures_in_a_row_put_it_out_and_a_success_between_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            fail(&mut breaker, 0.0);
            fail(&mut breaker, 0.0);
            breaker.succeeded(0.0, 0.0);
        }
        assert_eq!(breaker.health(0.0), Health::Up);
        assert_eq!(out().health(0.0), Health::Out { until: 10.0 });
    }

    #[test]
    fn answers_to_older_calls_do_not_hide_an_outage() {
        let mut breaker = Breaker::default();
        for now in [5.0, 5.1, 5.2] {
            assert_eq!(breaker.health(now), Health::Up);
            breaker.failed(now, None, 0.01, (1.0, 100.0));
            breaker.succeeded(now, 4.9);
        }
        assert!(matches!(breaker.health(5.2), Health::Out { .. }));
    }

    #[test]
    fn who_fails_three_times_in_ten_anyway_needs_a_longer_row() {
        let mut breaker = Breaker::default();
        for row in 1..=6 {
            assert_eq!(breaker.health(0.0), Health::Up, "before failure {row}");
            breaker.failed(0.0, None, 0.3, (3.0, 10.0));
        }
        assert!(matches!(breaker.health(0.0), Health::Out { .. }));
    }

    #[test]
    fn a_rate_surely_above_a_half_puts_it_out_without_a_row() {
        let mut breaker = Breaker::default();
        breaker.failed(0.0, None, 0.01, (6.0, 10.0));
        assert_eq!(breaker.health(0.0), Health::Up);
        breaker.failed(0.0, None, 0.01, (30.0, 40.0));
        assert!(matches!(breaker.health(0.0), Health::Out { .. }));
    }

    #[test]
    fn it_comes_back_by_one_probe_then_a_tenth_then_a_half_then_all() {
        let mut breaker = out();
        assert!(!breaker.admits(9.0));
        assert!(breaker.admits(10.0));
        breaker.started();
        assert!(!breaker.admits(10.0), "one probe at a time");
        breaker.succeeded(10.5, 10.5);
        let admitted = |breaker: &mut Breaker| {
            let admit = |_: &u32| {
                let yes = breaker.admits(11.0);
                if yes {
                    breaker.started();
                }
                yes
            };
            (0..100).filter(admit).count()
        };
        assert_eq!(admitted(&mut breaker), 10);
        (0..3).for_each(|_| breaker.succeeded(11.0, 11.0));
        assert_eq!(admitted(&mut breaker), 50);
        (0..3).for_each(|_| breaker.succeeded(11.0, 11.0));
        assert_eq!(admitted(&mut breaker), 100);
    }

    #[test]
    fn each_further_outage_is_twice_as_long_up_to_two_minutes() {
        let mut breaker = out();
        let mut now = 10.0;
        for expected in [20.0, 40.0, 80.0, 120.0, 120.0] {
            assert!(breaker.admits(now));
            breaker.started();
            fail(&mut breaker, now);
            let until = now + expected;
            assert_eq!(breaker.health(now), Health::Out { until });
            now = until;
        }
    }

    #[test]
    fn a_provider_that_says_when_is_asked_then() {
        let mut breaker = Breaker::default();
        breaker.failed(5.0, Some(300.0), 0.01, (1.0, 1.0));
        assert_eq!(breaker.health(5.0), Health::Out { until: 305.0 });
    }

    #[test]
    fn a_cancelled_probe_lets_another_go() {
        let mut breaker = out();
        breaker.started();
        breaker.cancelled();
        assert!(breaker.admits(10.0));
    }
}
