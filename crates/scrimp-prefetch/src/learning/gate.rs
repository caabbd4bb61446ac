//! The gate: what pays.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::config::{Config, Stakes};

/// Outcomes by which it is judged whether prefetching pays.
const JUDGED: usize = 64;

/// Expected useful prefetches at which the older ones begin to count less.
const MOST_AWAITED: f64 = 64.0;

/// Part of its price that a prefetch must be expected to earn. Of the many estimates near the break-even point, those that
/// are too high are taken: in a generated log of 100,000 requests, 31 of 180 prefetches were useful that were expected to
/// be so a little more often than the one in six that pays.
const MARGIN: f64 = 0.25;

/// Length of a budget's period.
const HOUR: Duration = Duration::from_secs(3_600);

/// Decides what may be fetched, and stops when it does not pay.
#[derive(Debug)]
pub(super) struct Gate {
    stakes: Option<Stakes>,
    min_confidence: f64,
    /// Fetches that the budget of an hour allows.
    per_hour: u64,
    hour: Option<Instant>,
    spent: u64,
    /// The latest outcomes: true for useful ones.
    judged: VecDeque<bool>,
    useful: usize,
    /// Useful prefetches that were expected, and those that there were. The older ones count less.
    awaited: f64,
    there: f64,
    rest: Duration,
    shut_until: Option<Instant>,
}

// === impl Gate ===

impl Gate {
    pub(super) fn new(config: &Config) -> Self {
        let stakes = config.stakes();
        Self {
            stakes,
            min_confidence: config.min_confidence,
            per_hour: config.fetching.calls_per_hour(),
            hour: None,
            spent: 0,
            judged: VecDeque::with_capacity(JUDGED),
            useful: 0,
            awaited: 0.0,
            // A browser does not tell what became of its prefetches.
            there: f64::from(u8::from(config.is_for_browsers())),
            rest: config.rest,
            shut_until: None,
        }
    }

    /// Reports whether anything may be fetched now.
    pub(super) fn is_open(&mut self, now: Instant) -> bool {
        if self.shut_until.is_some_and(|until| now >= until) {
            self.shut_until = None;
        }
        self.stakes.is_some() && self.shut_until.is_none()
    }

    /// Reports whether fetching has stopped, as of the last look.
    pub(super) fn is_shut(&self) -> bool {
        self.shut_until.is_some()
    }

    /// Reports whether a prediction of this probability pays, even at its cautious estimate. Among many
    /// estimates about the break-even point, those that are too high would be chosen otherwise.
    ///
    /// A prediction that comes true is not a prefetch that was useful: what is asked for often is fresh in store
    /// already, so that only the rest is fetched, and that may be late, or not be stored. So the estimate is
    /// lowered to what prefetches have been worth so far.
    pub(super) fn pays(&self, probability: f64, cautious: f64) -> bool {
        self.would_pay(probability, cautious * self.worth())
    }

    /// Reports whether a prediction would pay if it came as often as it says.
    pub(super) fn would_pay(&self, probability: f64, cautious: f64) -> bool {
        let pays = |stakes: &Stakes| stakes.expected(cautious) > MARGIN * stakes.price.as_f64();
        probability >= self.min_confidence && self.stakes.as_ref().is_some_and(pays)
    }

    /// Returns the useful prefetches for each expected one: a half before the first, and one at most. What is not fetched
    /// for this reason is watched, so that a beginning without luck is not the end.
    fn worth(&self) -> f64 {
        ((1.0 + self.there) / (2.0 + self.awaited)).min(1.0)
    }

    /// Takes the price of a fetch from the budget of the hour. It is expected to be useful with this probability.
    pub(super) fn spend(&mut self, now: Instant, cautious: f64) -> bool {
        if self
            .hour
            .is_none_or(|began| now.saturating_duration_since(began) >= HOUR)
        {
            self.hour = Some(now);
            self.spent = 0;
        }
        let has_room = self.spent < self.per_hour;
        self.spent += u64::from(has_room);
        if has_room {
            self.awaits(cautious);
        }
        has_room
    }

    /// Returns what was taken for a fetch that cost nothing, as the response was fresh: it tells nothing of what fetches
    /// that cost something are worth.
    pub(super) fn give_back(&mut self, cautious: f64) {
        self.spent = self.spent.saturating_sub(1);
        self.awaits_no_more(cautious);
    }

    /// Notes that a prefetch that was not made would have begun now.
    pub(super) fn awaits(&mut self, cautious: f64) {
        self.awaited += cautious;
        if self.awaited > MOST_AWAITED {
            self.awaited /= 2.0;
            self.there /= 2.0;
        }
    }

    /// Notes that nothing is learned from a prefetch, made or not.
    pub(super) fn awaits_no_more(&mut self, cautious: f64) {
        self.awaited = (self.awaited - cautious).max(0.0);
    }

    /// Notes that a prefetch that was not made would have been useful.
    pub(super) fn was_missed(&mut self) {
        self.there += 1.0;
    }

    /// Learns of an outcome. Returns true if prefetching stops, as the latest ones together did not pay.
    pub(super) fn judge(&mut self, useful: bool, now: Instant) -> bool {
        let Some(stakes) = self.stakes else {
            return false;
        };
        if self.judged.len() == JUDGED {
            let oldest = self.judged.pop_front();
            self.useful -= usize::from(oldest == Some(true));
        }
        self.judged.push_back(useful);
        self.useful += usize::from(useful);
        self.there += f64::from(u8::from(useful));
        let share = self.useful as f64 / JUDGED as f64;
        let fails = self.judged.len() == JUDGED && stakes.expected(share) <= 0.0;
        if fails {
            self.judged.clear();
            self.useful = 0;
            self.shut_until = Some(now + self.rest);
        }
        fails
    }
}

#[cfg(test)]
mod tests {
    use scrimp_core::Money;

    use super::*;
    use crate::SessionKey;

    fn gate(value: &str, price: &str, change: impl FnOnce(&mut Config)) -> Gate {
        let mut config = Config::new(SessionKey::tenant());
        let money = |text: &str| Some(text.parse::<Money>().expect("an amount"));
        (config.value, config.fetching.price) = (money(value), money(price));
        change(&mut config);
        Gate::new(&config)
    }

    /// Returns a gate whose prefetches have been as useful as expected.
    fn proven(mut gate: Gate) -> Gate {
        (gate.awaited, gate.there) = (10.0, 11.0);
        gate
    }

    #[test]
    fn prefetches_that_were_useful_less_often_than_expected_need_more_confidence() {
        let (mut gate, now) = (gate("0.03", "0.01", |_| {}), Instant::now());
        assert!(
            !gate.pays(0.62, 0.62) && gate.pays(0.63, 0.63),
            "half is believed at first"
        );
        for n in 0..400 {
            gate.spend(now, 0.8);
            gate.judge(n % 5 != 0, now);
        }
        assert!(gate.pays(0.32, 0.32), "they come as expected");
        for n in 0..400 {
            gate.spend(now, 0.8);
            gate.judge(n % 5 == 0, now);
        }
        assert!(!gate.pays(0.8, 0.8), "a quarter of what was expected");
    }

    #[test]
    fn a_gate_that_lowers_all_estimates_opens_again_by_what_it_watches() {
        let (mut gate, now) = (gate("0.02", "0.01", |_| {}), Instant::now());
        for _ in 0..2 {
            gate.spend(now, 0.8);
            gate.judge(false, now);
        }
        assert!(!gate.pays(0.8, 0.8) && gate.would_pay(0.8, 0.8));
        for n in 0..40 {
            gate.awaits(0.8);
            if n % 5 != 0 {
                gate.was_missed();
            }
        }
        assert!(gate.pays(0.6, 0.6));
    }

    #[test]
    fn what_was_fresh_already_says_nothing_of_what_prefetches_are_worth() {
        let (mut gate, now) = (gate("0.03", "0.01", |_| {}), Instant::now());
        for _ in 0..40 {
            gate.spend(now, 0.8);
            gate.give_back(0.8);
        }
        assert!(
            !gate.pays(0.62, 0.62) && gate.pays(0.63, 0.63),
            "as at first"
        );
    }

    #[test]
    fn a_prefetch_pays_if_the_waiting_it_spares_is_worth_more_than_the_calls_it_wastes() {
        // 0.3125 · 0.03 - 0.6875 · 0.01 = 0.25 · 0.01
        let even = proven(gate("0.03", "0.01", |_| {}));
        assert!(!even.pays(0.31, 0.31) && even.pays(0.32, 0.32) && !even.pays(0.4, 0.3));
        let free = proven(gate("0.001", "0", |_| {}));
        assert!(!free.pays(0.0, 0.0) && free.pays(0.01, 0.01));
        let cautious = proven(gate("1", "0.01", |config| config.min_confidence = 0.7));
        assert!(!cautious.pays(0.69, 0.6) && cautious.pays(0.7, 0.6));
    }

    #[test]
    fn without_a_value_of_waiting_the_gate_is_closed() {
        let now = Instant::now();
        for mut gate in [
            gate("0", "0.01", |_| {}),
            gate("1", "0.01", |config| config.value = None),
        ] {
            assert!(!gate.is_open(now) && !gate.pays(1.0, 1.0));
        }
        assert!(gate("1", "0.01", |_| {}).is_open(now));
    }

    #[test]
    fn an_hour_costs_no_more_than_its_budget() {
        let budget = |config: &mut Config| config.fetching.per_hour = "0.05".parse().ok();
        let (mut gate, now) = (gate("1", "0.01", budget), Instant::now());
        for hour in 0..3 {
            let now = now + HOUR * hour;
            let spent = (0..500).filter(|_| gate.spend(now, 1.0)).count();
            assert_eq!(spent, 5);
        }
        gate.give_back(1.0);
        assert!(gate.spend(now + HOUR * 2, 1.0) && !gate.spend(now + HOUR * 2, 1.0));
    }

    #[test]
    fn outcomes_that_do_not_pay_shut_the_gate_for_a_while() {
        let (mut gate, now) = (gate("0.03", "0.01", |_| {}), Instant::now());
        // A third is useful: 0.01 > 0.00667.
        assert!((0..600).all(|n| !gate.judge(n % 3 == 0, now)));
        let shut = (0..600).position(|n| gate.judge(n % 5 == 0, now));
        assert!(shut.is_some_and(|after| after < 100), "{shut:?}");
        assert!(!gate.is_open(now));
        assert!(!gate.is_open(now + Duration::from_secs(599)));
        assert!(gate.is_open(now + Duration::from_secs(600)));
    }
}
