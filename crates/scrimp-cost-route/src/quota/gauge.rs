//! One quota of an account. Times are in seconds of the layer's clock.

use std::time::Duration;

use scrimp_http::rate_limit::{QuotaRefill, QuotaState};

/// Seconds after which a quota is whole again, if nothing else is known of it.
const MINUTE: f64 = 60.0;
/// Seconds in which the margin halves.
const HALF_LIFE: f64 = 300.0;
/// Highest margin, as a share of the limit.
const MOST: f64 = 0.1;
/// Highest margin after refusals, in requests like the last one.
const MOST_NEEDS: f64 = 64.0;

/// Way in which the used part returns.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refill {
    /// Evenly, by this much a second.
    Steady(f64),
    /// All at this time.
    At(f64),
    /// All at about this time: nothing has stated it.
    Perhaps(f64),
}

/// Seconds by which times of a reset may differ, as they are whole.
const ROUNDING: f64 = 1.5;

/// Estimate of what is left of a quota.
///
/// It falls as calls are admitted and rises as the quota refills. What a response states is a moment
/// between the start of its call and now, so it bounds the estimate from both sides: from above by the
/// stated rest with all that may have returned since, from below without. Calls that were admitted
/// after it are subtracted from both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gauge {
    /// The whole quota. Infinite if it is not known.
    limit: f64,
    refill: Refill,
    /// Amount that is left at `at`. Below zero if calls wait for it.
    level: f64,
    at: f64,
    /// Sum of all that was taken.
    taken: f64,
    /// Time at which the quota was last filled up at once.
    filled_at: f64,
    /// Part that is left over, as estimates have been too high by this much lately.
    margin: f64,
}

/// Point at which a call was admitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    /// Sum of all that was taken, its own part included.
    pub(super) taken: f64,
    /// Time at which it is sent.
    pub(super) sent: f64,
}

// === impl Gauge ===

impl Gauge {
    /// Makes the gauge of a quota that a setting states, per minute.
    pub(super) fn per_minute(limit: f64, now: f64) -> Self {
        Self {
            limit,
            refill: Refill::Steady(limit / MINUTE),
            level: limit,
            at: now,
            taken: 0.0,
            filled_at: now,
            margin: 0.0,
        }
    }

    /// Makes the gauge of a quota that a response states. `others` is what other calls under way may
    /// take.
    pub(super) fn stated(state: &QuotaState, others: f64, now: f64) -> Self {
        let mut gauge = Self::per_minute(f64::INFINITY, now);
        gauge.set(state, now);
        gauge.level = (count(state.remaining) - others).min(gauge.limit);
        gauge
    }

    /// Sets another limit per minute.
    pub(super) fn set_limit(&mut self, limit: f64, now: f64) {
        if limit.to_bits() == self.limit.to_bits() {
            return;
        }
        self.advance(now);
        self.level += limit - self.limit;
        self.limit = limit;
        self.refill = Refill::Steady(limit / MINUTE);
    }

    fn set(&mut self, state: &QuotaState, now: f64) {
        self.limit = state.limit.map_or(self.limit, count);
        let seconds = |time: Duration| time.as_secs_f64().max(1e-3);
        self.refill = match state.refill {
            QuotaRefill::Steady { window } if self.limit.is_finite() => {
                Refill::Steady(self.limit / seconds(window))
            }
            QuotaRefill::Steady { window } => Refill::At(now + seconds(window)),
            QuotaRefill::AtOnce { after } => Refill::At(now + after.map_or(MINUTE, seconds)),
        };
    }

    fn advance(&mut self, now: f64) {
        let passed = (now - self.at).max(0.0);
        self.at += passed;
        self.margin *= (-passed / HALF_LIFE).exp2();
        match self.refill {
            Refill::Steady(rate) => self.level = (self.level + rate * passed).min(self.limit),
            Refill::At(at) | Refill::Perhaps(at) if at <= self.at => {
                // Calls that wait for it have taken their part already.
                self.level = self.limit + self.level.min(0.0);
                self.filled_at = at;
                self.refill = Refill::Perhaps(self.at + MINUTE);
            }
            Refill::At(_) | Refill::Perhaps(_) => {}
        }
    }

    /// Returns the seconds until there is room. Infinite if there never is.
    pub(super) fn wait(&mut self, now: f64, need: f64) -> f64 {
        self.advance(now);
        if need > self.limit {
            return f64::INFINITY;
        }
        let margin = self.margin.min(MOST * self.limit).min(self.limit - need);
        self.until(need + margin, self.level)
    }

    /// Returns the seconds until a call that has taken its part may be sent. What was learned since may
    /// have moved its turn.
    pub(super) fn rest(&mut self, now: f64, mark: Mark) -> f64 {
        self.advance(now);
        let margin = self.margin.min(MOST * self.limit);
        self.until(margin, self.level + self.taken - mark.taken)
    }

    /// Returns the seconds until a level has risen to what is wanted.
    fn until(&self, wanted: f64, level: f64) -> f64 {
        let lacking = wanted - level;
        if lacking <= 0.0 {
            return 0.0;
        }
        match self.refill {
            Refill::Steady(rate) => lacking / rate,
            Refill::At(at) | Refill::Perhaps(at) => {
                let windows = ((wanted - level.min(0.0)) / self.limit).ceil();
                at - self.at + MINUTE * (windows - 1.0).max(0.0)
            }
        }
    }

    /// Takes a part, after which calls wait if it is more than is left.
    pub(super) fn take(&mut self, now: f64, need: f64) {
        self.advance(now);
        self.level -= need;
        self.taken += need;
    }

    pub(super) fn taken(&self) -> f64 {
        self.taken
    }

    /// Returns a part that was not used. The sum of what was taken stays, so that calls that were
    /// admitted after it are not taken for fewer.
    pub(super) fn give_back(&mut self, now: f64, part: f64) {
        self.advance(now);
        self.level = (self.level + part).min(self.limit);
    }

    /// Learns what a response states. `mark` is the point at which its call was admitted; `None` if that
    /// was before the gauge was made.
    pub(super) fn learn(&mut self, now: f64, state: &QuotaState, mark: Option<Mark>) {
        self.advance(now);
        if self.is_over(now, state, mark) {
            return;
        }
        self.set(state, now);
        let since = self.taken - mark.map_or(0.0, |mark| mark.taken);
        let low = count(state.remaining) - since;
        let high = match (self.refill, mark) {
            (Refill::Steady(rate), Some(mark)) => low + rate * (now - mark.sent).max(0.0),
            _ => low,
        };
        if self.level > high {
            if self.level.is_finite() {
                self.margin = self.margin.max(self.level - high);
            }
            self.level = high;
        }
        self.level = self.level.max(low).min(self.limit);
    }

    /// Reports whether a response is of a window that is over.
    fn is_over(&self, now: f64, state: &QuotaState, mark: Option<Mark>) -> bool {
        let QuotaRefill::AtOnce { after } = state.refill else {
            return false;
        };
        let sent = mark.map_or(now, |mark| mark.sent);
        let after = after.map(|after| after.as_secs_f64());
        match self.refill {
            Refill::Steady(_) => false,
            Refill::Perhaps(_) => {
                sent < self.filled_at || after.is_some_and(|after| sent + after < now - ROUNDING)
            }
            Refill::At(at) => {
                sent < self.filled_at || after.is_some_and(|after| now + after < at - ROUNDING)
            }
        }
    }

    /// Learns that a call was refused, so that more was used than was known.
    pub(super) fn refused(&mut self, need: f64) {
        self.margin = (2.0 * self.margin).clamp(need, MOST_NEEDS * need);
    }

    /// Returns the limit and what is left.
    pub(super) fn read(&self, now: f64) -> (f64, f64) {
        let mut gauge = *self;
        gauge.advance(now);
        (gauge.limit, gauge.level.max(0.0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of tokens")]
fn count(number: u64) -> f64 {
    number as f64
}
