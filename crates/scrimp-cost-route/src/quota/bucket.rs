//! The quotas of one account, or of one of its models.

use scrimp_http::rate_limit::{QuotaStates, QuotaUnit};

use super::{
    gauge::{Gauge, Mark},
    need::Need,
};

/// Seconds for which an account is left alone after a refusal that says nothing, at first and at most.
const BACKOFF: (f64, f64) = (1.0, 60.0);

/// Room for a request in the quotas of an account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Room {
    Now,
    /// There is room in as many seconds.
    After(f64),
    /// The provider asks not to be called for as many seconds.
    Barred(f64),
    /// The request is larger than a quota.
    Never,
}

/// One gauge of each unit.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    gauges: [Option<Gauge>; QuotaUnit::ALL.len()],
    barred_until: f64,
    /// Refusals in a row that did not say for how long.
    refusals: u32,
}

/// Points at which a call was admitted to each gauge.
pub(super) type Marks = [Option<Mark>; QuotaUnit::ALL.len()];

// === impl Room ===

impl Room {
    /// Returns the smaller of two rooms.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Barred(a), Self::Barred(b)) => Self::Barred(a.max(b)),
            (Self::Barred(a), Self::After(b)) | (Self::After(b), Self::Barred(a)) => {
                Self::Barred(a.max(b))
            }
            (Self::Barred(rest), Self::Now) | (Self::Now, Self::Barred(rest)) => Self::Barred(rest),
            (Self::After(a), Self::After(b)) => Self::After(a.max(b)),
            (Self::Now, other) | (other, Self::Now) => other,
        }
    }

    /// Returns the seconds after which the request may be sent, or come again. `None` if it never may.
    pub(crate) fn seconds(self) -> Option<f64> {
        match self {
            Self::Now => Some(0.0),
            Self::After(seconds) | Self::Barred(seconds) => Some(seconds),
            Self::Never => None,
        }
    }
}

// === impl Bucket ===

impl Bucket {
    /// Sets limits per minute, as settings state them.
    pub(super) fn set_limits(&mut self, requests: Option<f64>, tokens: Option<f64>, now: f64) {
        for (unit, limit) in [(QuotaUnit::Requests, requests), (QuotaUnit::Tokens, tokens)] {
            let gauge = &mut self.gauges[unit as usize];
            match (gauge.as_mut(), limit) {
                (Some(gauge), Some(limit)) => gauge.set_limit(limit, now),
                (None, Some(limit)) => *gauge = Some(Gauge::per_minute(limit, now)),
                (_, None) => *gauge = None,
            }
        }
    }

    pub(super) fn room(&mut self, now: f64, need: &Need) -> Room {
        let mut wait: f64 = 0.0;
        for (unit, gauge) in self.gauges() {
            wait = wait.max(gauge.wait(now, need.of(unit)));
        }
        if wait.is_infinite() {
            return Room::Never;
        }
        let rest = self.barred_until - now;
        match (rest > 0.0, wait > 0.0) {
            (true, _) => Room::Barred(rest.max(wait)),
            (false, true) => Room::After(wait),
            (false, false) => Room::Now,
        }
    }

    /// Takes the part of a call that is sent at a time.
    pub(super) fn take(&mut self, now: f64, need: &Need, sent: f64) -> Marks {
        for (unit, gauge) in self.gauges() {
            gauge.take(now, need.of(unit));
        }
        self.gauges.each_ref().map(|gauge| {
            let taken = gauge.as_ref()?.taken();
            Some(Mark { taken, sent })
        })
    }

    /// Returns the seconds until a call that has taken its part may be sent.
    pub(super) fn rest(&mut self, now: f64, marks: &Marks) -> f64 {
        let mut rest = (self.barred_until - now).max(0.0);
        for (unit, gauge) in self.gauges() {
            if let Some(mark) = marks[unit as usize] {
                rest = rest.max(gauge.rest(now, mark));
            }
        }
        rest
    }

    pub(super) fn give_back(&mut self, now: f64, need: &Need) {
        for (unit, gauge) in self.gauges() {
            gauge.give_back(now, need.of(unit));
        }
    }

    /// Corrects what a call has taken by what it has used.
    pub(super) fn settle(&mut self, now: f64, expected: &Need, used: &Need) {
        for (unit, gauge) in self.gauges() {
            gauge.give_back(now, expected.of(unit) - used.of(unit));
        }
    }

    /// Learns what a response states. `others` is the number of other calls under way, each of which is
    /// taken for one like `need`.
    pub(super) fn learn(
        &mut self,
        now: f64,
        states: &QuotaStates,
        marks: Option<&Marks>,
        (need, others): (&Need, f64),
    ) {
        // A quota of zero says that it is of something else.
        for state in states.iter().filter(|state| state.limit != Some(0)) {
            let index = state.unit as usize;
            match &mut self.gauges[index] {
                Some(gauge) => gauge.learn(now, &state, marks.and_then(|marks| marks[index])),
                gauge => {
                    let others = others * need.of(state.unit);
                    *gauge = Some(Gauge::stated(&state, others, now));
                }
            }
        }
    }

    /// Bars the account after a refusal, for the time that it asks for.
    pub(super) fn refused(&mut self, now: f64, need: &Need, asked: Option<f64>, is_told: bool) {
        for (unit, gauge) in self.gauges() {
            gauge.refused(need.of(unit));
        }
        let wait = match asked {
            Some(seconds) => seconds,
            // What is left was stated.
            None if is_told => 0.0,
            None => {
                let doubled = BACKOFF.0 * f64::from(1_u32 << self.refusals.min(6));
                self.refusals = self.refusals.saturating_add(1);
                doubled.min(BACKOFF.1)
            }
        };
        self.barred_until = self.barred_until.max(now + wait);
    }

    /// Learns that a call was let through.
    pub(super) fn admitted(&mut self) {
        self.refusals = 0;
    }

    /// Returns the limit and the rest of each quota.
    pub(super) fn read(&self, now: f64) -> impl Iterator<Item = (QuotaUnit, f64, f64)> {
        let each = QuotaUnit::ALL.into_iter().zip(&self.gauges);
        each.filter_map(move |(unit, gauge)| {
            let (limit, left) = gauge.as_ref()?.read(now);
            Some((unit, limit, left))
        })
    }

    fn gauges(&mut self) -> impl Iterator<Item = (QuotaUnit, &mut Gauge)> {
        let each = QuotaUnit::ALL.into_iter().zip(&mut self.gauges);
        each.filter_map(|(unit, gauge)| Some((unit, gauge.as_mut()?)))
    }
}
