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

#[cfg(test)]
mod tests {
    use scrimp_core::ExchangeRates;

    use super::*;
    use crate::engine::{Prior, Score, Stake, Stakes, estimate::Expected};
    use scrimp_core::extensions::Priority;

    #[test]
    fn one_request_in_a_hundred_explores_and_three_may_be_saved_up() {
        let mut one = Exploration::new(None);
        assert!(one.may_look(0.0) && one.take(1e9, 0.0));
        for request in 0..99 {
            one.request();
            assert!(!one.may_look(0.0), "{request}");
        }
        (0..2).for_each(|_| one.request());
        assert!(one.may_look(0.0) && one.take(0.0, 0.0));
        (0..1_000).for_each(|_| one.request());
        let taken = (0..10).take_while(|_| one.may_look(0.0) && one.take(0.0, 0.0));
        assert_eq!(taken.count(), 3);
    }

    #[test]
    fn a_look_that_finds_no_candidate_is_followed_by_a_pause() {
        let mut one = Exploration::new(None);
        one.found_none(5.0);
        assert!(!one.may_look(5.0) && !one.may_look(5.019) && one.may_look(5.02));
    }

    #[test]
    fn the_cap_holds_for_an_hour_and_then_anew() {
        let mut one = Exploration::new(Some(1.0));
        let takes = [
            (0.0, 0.75, true),
            (10.0, 0.5, false),
            (20.0, 0.25, true),
            (3_599.9, 0.01, false),
            (3_600.0, 0.75, true),
            (7_199.9, 0.5, false),
            (7_200.0, 1.0, true),
        ];
        for (now, dollars, taken) in takes {
            assert_eq!(one.take(dollars, now), taken, "{dollars} at {now}");
        }
    }

    /// Returns a formula of a dollar a second, two for quality and ten for a failure.
    fn formula() -> Formula {
        let stake = Stake::new().second("1").quality("2").failure("10");
        let score = Score::Money(Stakes::default().with(Priority::Default, stake));
        let formula = score.formula(Priority::Default, 0.5, &ExchangeRates::new());
        formula.expect("stakes in dollars")
    }

    /// Returns what a candidate that costs three dollars, and at best 5.50, is worth exploring.
    fn worth(last_seen: f64, in_vain: u8, best: f64, request: f64, admitted: bool) -> Option<f64> {
        let mut candidate = Candidate::new(
            Prior {
                first_byte: std::time::Duration::ZERO,
                latency: std::time::Duration::ZERO,
                reliability: 1.0,
                quality: 1.0,
            },
            1,
        );
        candidate.last_seen = last_seen;
        candidate.tried_in_vain = in_vain;
        let one = Weighed {
            index: 4,
            cost: Some(3.0),
            expected: Expected {
                first_byte: 1.0,
                latency: 4.0,
                reliability: 0.8,
                quality: 0.5,
            },
            admitted,
            waits: false,
        };
        // A hundred requests are to come that the best candidate serves at this score.
        let gains = Gains([None, Some((formula(), 100.0, best)), None]);
        let find = gains.find(1_000.0, &candidate, &one, &formula(), request)?;
        assert_eq!((find.index, find.dollars, find.hope), (4, 3.0, 5.5));
        Some(find.worth)
    }

    fn assert_near(one: Option<f64>, other: f64) {
        assert!(
            one.is_some_and(|one| (one - other).abs() < 1e-9),
            "{one:?} and not {other}"
        );
    }

    #[test]
    fn a_candidate_is_worth_its_savings_by_their_chance_less_the_loss_of_this_request() {
        let never = f64::NEG_INFINITY;
        // 250 dollars are saved if it is as good as hoped; this request loses a tenth of a dollar.
        assert_near(worth(never, 0, 8.0, 8.0, true), 0.1 * 250.0 - 0.1);
        assert_near(worth(940.0, 0, 8.0, 8.0, true), 0.003 * 0.5 * 250.0 - 0.1);
        assert_near(worth(never, 0, 8.0, 9.0, true), 0.1 * 250.0);
        assert_eq!(worth(never, 0, 5.0, 8.0, true), None, "nothing is saved");
        assert_eq!(
            worth(never, 0, 8.0, 8.0, false),
            None,
            "it may not be chosen"
        );
    }

    #[test]
    fn a_candidate_that_was_seen_lately_is_not_explored_and_after_one_in_vain_less_often() {
        for (in_vain, least) in [(0, 15.0), (1, 30.0), (2, 45.0)] {
            assert_eq!(worth(1_000.0 - least, in_vain, 80.0, 9.0, true), None);
            assert!(worth(999.9 - least, in_vain, 80.0, 9.0, true).is_some());
        }
    }

    #[test]
    fn the_find_that_is_worth_more_is_taken() {
        let find = |worth| Find {
            index: 0,
            dollars: 0.0,
            hope: 0.0,
            worth,
        };
        assert!(find(1.0).beats(None) && find(2.0).beats(Some(find(1.0))));
        assert!(!find(1.0).beats(Some(find(1.0))) && !find(1.0).beats(Some(find(2.0))));
    }
}
