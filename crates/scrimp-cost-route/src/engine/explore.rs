//! Exploration of providers without recent calls, within limits.

use super::{
    candidate::Candidate,
    decay::Discount,
    pass::{Next, Weighed},
    rules::Rules,
    score::Formula,
    traffic::{TRUST, Traffic},
};

/// Share of the requests that may explore.
const SHARE: f64 = 0.01;
/// Highest number of saved explorations.
const MOST: f64 = 3.0;
/// Seconds after which observations of a candidate are stale.
const STALE: f64 = 15.0;
/// Highest growth of that time, in multiples of itself, after explorations in vain.
const MOST_IN_VAIN: u8 = 2;
/// Chance that a candidate without recent observations is now as good as hoped.
const LUCK: f64 = 0.003;
/// Chance that a candidate without any observation is as good as hoped: its prior is only hearsay.
const HEARSAY: f64 = 0.1;
/// Seconds until the next look if a look found no candidate.
const PAUSE: f64 = 0.02;

#[derive(Debug, Clone)]
pub(super) struct Exploration {
    credit: f64,
    /// Dollars per hour, if there is a cap.
    hourly: Option<f64>,
    hour_began: f64,
    spent: f64,
    /// Time of the next look.
    look: f64,
}

/// Savings by a better candidate: per priority that is asked for, how requests are compared, how
/// many of them to expect, and what the best candidate would cost them.
///
/// Savings add up over priorities because requests of high priority do not explore: the others
/// explore for them.
pub(super) struct Gains([Option<(Formula, f64, f64)>; 3]);

/// Candidate to explore.
#[derive(Debug, Clone, Copy)]
pub(super) struct Find {
    pub(super) index: usize,
    pub(super) dollars: f64,
    pub(super) hope: f64,
    /// Expected savings, less the expected loss.
    worth: f64,
}

// === impl Exploration ===

impl Exploration {
    pub(super) fn new(hourly: Option<f64>) -> Self {
        Self {
            credit: 1.0,
            hourly,
            hour_began: 0.0,
            spent: 0.0,
            look: 0.0,
        }
    }

    /// Counts a request.
    pub(super) fn request(&mut self) {
        self.credit = (self.credit + SHARE).min(MOST);
    }

    pub(super) fn may_look(&self, now: f64) -> bool {
        self.credit >= 1.0 && now >= self.look
    }

    pub(super) fn found_none(&mut self, now: f64) {
        self.look = now + PAUSE;
    }

    /// Takes an amount from the cap and a request from the share. Returns false if the cap has
    /// too little left.
    pub(super) fn take(&mut self, dollars: f64, now: f64) -> bool {
        if now - self.hour_began >= 3_600.0 {
            (self.hour_began, self.spent) = (now, 0.0);
        }
        if self.hourly.is_some_and(|cap| self.spent + dollars > cap) {
            return false;
        }
        self.credit -= 1.0;
        self.spent += dollars;
        true
    }
}

// === impl Gains ===

impl Gains {
    /// Computes the savings at the prices of the present request.
    pub(super) fn new(
        rules: &Rules,
        traffic: &Traffic,
        discount: Discount,
        candidates: &[Candidate],
        weighed: &[Weighed],
    ) -> Self {
        let up = || {
            let up = |one: &&Weighed| candidates[one.index].breaker.is_up();
            let known = |one: &Weighed| Some((one.index, one.cost?, one.expected));
            weighed.iter().filter(up).filter_map(known)
        };
        Self(traffic.expected(discount).map(|(priority, expected)| {
            if expected < 1.0 {
                return None;
            }
            let formula = rules.formula(priority);
            let mut next = Next::default();
            for (index, cost, expected) in up() {
                next.add(index, formula.last(cost, &expected));
            }
            let scores = up().map(|(index, cost, one)| formula.score(cost, &one, next.but(index)));
            Some((formula, expected, scores.reduce(f64::min)?))
        }))
    }

    /// Returns the savings if a candidate is as good as hoped.
    fn of(&self, cost: f64, one: &Weighed) -> f64 {
        let gain = |(formula, expected, best): &(Formula, f64, f64)| {
            expected * (best - formula.at_best(cost, &one.expected)).max(0.0)
        };
        self.0.iter().flatten().map(gain).sum()
    }

    /// Returns the case for exploring a candidate with a request that the best candidate serves
    /// at a score of `best`. Returns `None` if a loss is more likely.
    pub(super) fn find(
        &self,
        now: f64,
        candidate: &Candidate,
        one: &Weighed,
        formula: &Formula,
        best: f64,
    ) -> Option<Find> {
        let dollars = one.cost.filter(|_| one.admitted)?;
        let age = now - candidate.last_seen;
        if age <= STALE * f64::from(1 + candidate.tried_in_vain) {
            return None;
        }
        let chance = if candidate.last_seen.is_finite() {
            LUCK * (1.0 - (-age / TRUST).exp2())
        } else {
            HEARSAY
        };
        let loss = formula.score(dollars, &one.expected, Some(best)) - best;
        let worth = chance * self.of(dollars, one) - loss.max(0.0);
        (worth > 0.0).then(|| Find {
            index: one.index,
            dollars,
            hope: formula.at_best(dollars, &one.expected),
            worth,
        })
    }
}

// === impl Find ===

impl Find {
    pub(super) fn beats(&self, other: Option<Self>) -> bool {
        other.is_none_or(|other| self.worth > other.worth)
    }
}

// === impl Candidate ===

impl Candidate {
    /// Counts an exploration. It counts as in vain until the candidate is chosen.
    pub(super) fn try_out(&mut self) {
        self.tried_in_vain = (self.tried_in_vain + 1).min(MOST_IN_VAIN);
    }
}
