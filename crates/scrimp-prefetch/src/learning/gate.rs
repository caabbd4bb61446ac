//! The gate: what pays.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::config::{Config, Stakes};

/// Outcomes by which it is judged whether prefetching pays.
const JUDGED: usize = 64;

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
    pub(super) fn pays(&self, probability: f64, cautious: f64) -> bool {
        let pays = |stakes: &Stakes| stakes.expected(cautious) > 0.0;
        probability >= self.min_confidence && self.stakes.as_ref().is_some_and(pays)
    }

    /// Takes the price of a fetch from the budget of the hour.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        if self
            .hour
            .is_none_or(|began| now.saturating_duration_since(began) >= HOUR)
        {
            self.hour = Some(now);
            self.spent = 0;
        }
        let has_room = self.spent < self.per_hour;
        self.spent += u64::from(has_room);
        has_room
    }

    /// Returns what was taken for a fetch that cost nothing.
    pub(super) fn give_back(&mut self) {
        self.spent = self.spent.saturating_sub(1);
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

    #[test]
    fn a_prefetch_pays_if_the_waiting_it_spares_is_worth_more_than_the_calls_it_wastes() {
        // 0.25 · 0.03 = 0.75 · 0.01
        let even = gate("0.03", "0.01", |_| {});
        assert!(!even.pays(0.25, 0.25) && even.pays(0.26, 0.26) && !even.pays(0.3, 0.24));
        let free = gate("0.001", "0", |_| {});
        assert!(!free.pays(0.0, 0.0) && free.pays(0.01, 0.01));
        let cautious = gate("1", "0.01", |config| config.min_confidence = 0.7);
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
            let spent = (0..500).filter(|_| gate.spend(now)).count();
            assert_eq!(spent, 5);
        }
        gate.give_back();
        assert!(gate.spend(now + HOUR * 2) && !gate.spend(now + HOUR * 2));
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
