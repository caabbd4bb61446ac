//! One look at all candidates.

use super::{
    ask::Limits,
    candidate::Candidate,
    choice::{Choice, Reason},
    estimate::Expected,
    explore::Find,
    score::Formula,
};

/// Candidate that is good enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighed {
    pub(super) index: usize,
    pub(super) cost: Option<f64>,
    pub(super) expected: Expected,
    /// True if the candidate may be chosen.
    pub(super) admitted: bool,
}

/// The two best candidates for the last attempt: if one fails, the other is next.
#[derive(Default)]
pub(super) struct Next([Option<(usize, f64)>; 2]);

/// Best candidate seen so far in one pass.
#[derive(Clone, Copy)]
pub(super) struct Best {
    pub(super) index: usize,
    pub(super) score: f64,
    pub(super) unknown: bool,
}

#[derive(Default)]
pub(super) struct Pass {
    pub(super) best: Option<Best>,
    pub(super) incumbent: Option<Best>,
    pub(super) probe: Option<Best>,
    /// Candidate whose ejection ends first, for the case that all are out.
    pub(super) last: Option<(f64, Best)>,
    pub(super) find: Option<Find>,
    pub(super) seen: bool,
    pub(super) may_settle: bool,
}

// === impl Next ===

impl Next {
    pub(super) fn add(&mut self, index: usize, worth: f64) {
        let better = |than: Option<(usize, f64)>| than.is_none_or(|(_, other)| worth < other);
        if better(self.0[0]) {
            self.0 = [Some((index, worth)), self.0[0]];
        } else if better(self.0[1]) {
            self.0[1] = Some((index, worth));
        }
    }

    pub(super) fn but(&self, index: usize) -> Option<f64> {
        let other = self.0.iter().flatten().find(|(other, _)| *other != index);
        other.map(|(_, worth)| *worth)
    }
}

// === impl Pass ===

impl Pass {
    /// Ranks a candidate. Returns true if it may be chosen.
    pub(super) fn add(
        &mut self,
        candidate: &mut Candidate,
        this: Best,
        now: f64,
        is_incumbent: bool,
    ) -> bool {
        if candidate.breaker.is_up() {
            self.rank(this, is_incumbent);
            return true;
        }
        let until = candidate.breaker.out_until();
        if self.last.is_none_or(|(other, _)| until < other) {
            self.last = Some((until, this));
        }
        let admitted = candidate.breaker.admits(now);
        if admitted && !candidate.breaker.is_half_open(now) {
            self.rank(this, is_incumbent);
        } else if admitted && this.beats(self.probe) {
            self.probe = Some(this);
        }
        admitted
    }

    fn rank(&mut self, this: Best, is_incumbent: bool) {
        if this.beats(self.best) {
            self.best = Some(this);
        }
        if is_incumbent {
            self.incumbent = Some(this);
        }
    }
}

// === impl Best ===

impl Best {
    /// Reports whether this candidate is better. A candidate with a known price is always
    /// better than one without.
    pub(super) fn beats(self, other: Option<Self>) -> bool {
        other.is_none_or(|other| match (self.unknown, other.unknown) {
            (false, true) => true,
            (true, false) => false,
            _ => self.score < other.score,
        })
    }

    pub(super) fn choice(self, reason: Reason, formula: &Formula) -> Choice {
        Choice {
            index: self.index,
            reason,
            score: formula.scored(self.score),
        }
    }
}

// === impl Limits ===

impl Limits {
    /// Reports whether a candidate is within the limits. An unknown price is not below a limit.
    pub(super) fn pass(&self, cost: Option<f64>, expected: &Expected) -> bool {
        self.min_quality
            .is_none_or(|least| expected.quality >= least)
            && self.max_latency.is_none_or(|most| expected.latency <= most)
            && self
                .max_price
                .is_none_or(|most| cost.is_some_and(|cost| cost <= most))
    }
}
