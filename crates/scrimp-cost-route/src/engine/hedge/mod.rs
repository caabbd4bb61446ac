//! Second calls beside slow ones.

mod times;

use std::time::Duration;

use scrimp_core::Money;
use tokio::time::Instant;

pub(super) use self::times::Times;
use super::{
    ask::{Ask, Barred},
    choice::{Choice, Reason},
    estimate::duration,
    learn::Ticket,
    router::Router,
};

/// Costs of a call to a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeCost {
    /// The expected cost of a whole call.
    pub whole: Money,
    /// The part that is owed as soon as it is sent.
    pub sent: Money,
}

/// Second call beside a slow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hedge {
    /// The candidate of the second call.
    pub index: usize,
    /// Time after the start of the first call.
    pub after: Duration,
}

// === impl Router ===

impl Router {
    /// Plans a second call beside one to a candidate, for the time after which it gains most: the time that
    /// it is expected to save is worth more than it costs. `None` if it never is, or if either candidate is
    /// not fully up.
    pub fn hedge(
        &self,
        now: Instant,
        ask: &Ask,
        first: usize,
        barred: &Barred,
        mut cost: impl FnMut(usize) -> Option<HedgeCost>,
    ) -> Option<Hedge> {
        let second = self.rules.dollars(ask.hedge)?;
        let limits = ask.filters.limits(&self.rules.exchange).ok()?;
        let discount = self.decays.discount(self.seconds(now));
        let candidate = &self.candidates[first];
        let times = &candidate.times;
        if !candidate.breaker.is_up() || !times.is_known(discount.long) {
            return None;
        }
        let dollars = |cost: HedgeCost| {
            let [whole, sent] = [cost.whole, cost.sent].map(|it| self.rules.dollars(Some(it)));
            Some((whole?, sent?))
        };
        let (own, own_sent) = dollars(cost(first)?)?;
        let mut best: Option<(f64, Hedge)> = None;
        for (index, other) in self.candidates.iter().enumerate() {
            let is_free = index != first && !barred.is_barred(index) && barred.wait(index) <= 0.0;
            if !is_free || !other.breaker.is_up() {
                continue;
            }
            let expected = other.expected(self.seconds(now), discount);
            let Some((whole, sent)) = cost(index).and_then(dollars) else {
                continue;
            };
            if !limits.pass(Some(whole), &expected) {
                continue;
            }
            // What its answer costs more, if it comes first.
            let more = (whole - sent) - (own - own_sent);
            let price = sent + more.max(0.0);
            let likely = match other.times.is_known(discount.long) {
                true => (&other.times, 1.0),
                // It is taken to be like the first one, as far as the settings say.
                false => {
                    let own = candidate.sums.prior_first_byte();
                    (times, other.sums.prior_first_byte() / own)
                }
            };
            if let Some(moment) = times.moment(likely, second, price)
                && best.is_none_or(|(gain, _)| moment.gain > gain)
            {
                let after = duration(moment.after);
                best = Some((moment.gain, Hedge { index, after }));
            }
        }
        best.map(|(_, hedge)| hedge)
    }

    /// Chooses a candidate for a second call, beside a slow one to `first`. `None` if either is not fully
    /// up any more.
    #[must_use]
    pub fn beside(
        &self,
        now: Instant,
        ask: &Ask,
        (first, second): (usize, usize),
        cost: Option<Money>,
    ) -> Option<Choice> {
        let both = [first, second].map(|index| self.candidates.get(index));
        if !both
            .iter()
            .all(|it| it.is_some_and(|it| it.breaker.is_up()))
        {
            return None;
        }
        let now = self.seconds(now);
        let expected = both[1]?.expected(now, self.decays.discount(now));
        let formula = self.rules.formula(ask.priority);
        let score = formula.last(self.rules.dollars(cost).unwrap_or(0.0), &expected);
        Some(Choice {
            index: second,
            reason: Reason::Hedged,
            score: formula.scored(score),
        })
    }

    /// Learns that a call was given up at an age, without a first byte, as another one was faster.
    pub fn outrun(&mut self, now: Instant, ticket: Ticket, age: Duration) {
        let weight = 1.0 / self.discount(self.seconds(now)).long;
        if let Some(candidate) = self.find(ticket) {
            candidate.times.add_longer(age.as_secs_f64(), weight);
        }
    }
}
