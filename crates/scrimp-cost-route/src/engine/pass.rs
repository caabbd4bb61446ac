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
    /// True if a request would wait before its call to the candidate.
    pub(super) waits: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_is_the_best_of_the_others() {
        let next = |worths: &[f64]| {
            let mut next = Next::default();
            let each = worths.iter().enumerate();
            each.for_each(|(index, worth)| next.add(index, *worth));
            [0, 1, 2].map(|index| next.but(index))
        };
        assert_eq!(next(&[]), [None; 3]);
        assert_eq!(next(&[5.0]), [None, Some(5.0), Some(5.0)]);
        for worths in [[5.0, 3.0, 4.0], [3.0, 4.0, 5.0], [4.0, 5.0, 3.0]] {
            let others = [0, 1, 2].map(|index| {
                let others = worths
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != index);
                others.map(|(_, worth)| *worth).reduce(f64::min)
            });
            assert_eq!(next(&worths), others, "{worths:?}");
        }
        assert_eq!(next(&[5.0, 5.0, 9.0]), [Some(5.0); 3]);
    }

    #[test]
    fn a_known_price_beats_an_unknown_one_and_else_the_lower_score_wins() {
        let one = |score, unknown| Best {
            index: 0,
            score,
            unknown,
        };
        assert!(one(9.0, true).beats(None));
        assert!(one(9.0, false).beats(Some(one(1.0, true))));
        assert!(!one(1.0, true).beats(Some(one(9.0, false))));
        for unknown in [false, true] {
            assert!(one(1.0, unknown).beats(Some(one(2.0, unknown))));
            assert!(!one(2.0, unknown).beats(Some(one(1.0, unknown))));
            assert!(
                !one(1.0, unknown).beats(Some(one(1.0, unknown))),
                "the first stays"
            );
        }
    }

    #[test]
    fn a_candidate_on_a_limit_is_within_it_and_an_unknown_price_is_not() {
        let expected = Expected {
            first_byte: 1.0,
            latency: 2.0,
            reliability: 0.5,
            quality: 0.7,
        };
        let none = Limits {
            min_quality: None,
            max_latency: None,
            max_price: None,
        };
        assert!(none.pass(None, &expected) && none.pass(Some(1e9), &expected));
        let limits = |quality, latency, price| Limits {
            min_quality: Some(quality),
            max_latency: Some(latency),
            max_price: Some(price),
        };
        assert!(limits(0.7, 2.0, 3.0).pass(Some(3.0), &expected));
        assert!(!limits(0.7, 2.0, 3.0).pass(None, &expected));
        for limits in [
            limits(0.71, 2.0, 3.0),
            limits(0.7, 1.9, 3.0),
            limits(0.7, 2.0, 2.9),
        ] {
            assert!(!limits.pass(Some(3.0), &expected), "{limits:?}");
        }
    }
}
