//! Costs of calls by a tariff.

use std::time::SystemTime;

use scrimp_core::Money;

use super::{Tariff, Tiering};
use crate::price::{
    rates::RateTable,
    unit_price::Sum,
    usage::{TokenClass, Usage},
};

impl Tariff {
    /// Returns the cost of a call at a time, as the `used + 1`st of its volume period.
    ///
    /// `None` if tokens were used that have no price, or if a setting cannot be used
    /// ([`check`](Self::check)): unknown, not free.
    #[must_use]
    pub fn cost(&self, usage: &Usage, now: SystemTime, used: u64) -> Option<Money> {
        if self.error.is_some() {
            return None;
        }
        let mut sum = self.token_cost(usage, now)?.plus(Sum::one(self.request));
        sum.add_kib(self.kib_in, usage.bytes_in);
        sum.add_kib(self.kib_out, usage.bytes_out);
        Some(sum.permille(self.share(used)).money(self.currency))
    }

    fn share(&self, used: u64) -> u32 {
        let passed = self.steps.partition_point(|step| step.from <= used);
        passed
            .checked_sub(1)
            .map_or(1_000, |last| self.steps[last].permille)
    }

    fn token_cost(&self, usage: &Usage, now: SystemTime) -> Option<Sum> {
        if !self.prices_tokens() {
            return Some(Sum::default());
        }
        let window = self.windows.iter().find(|(window, _)| window.holds(now));
        let hourly = |rates: RateTable| window.map_or(rates, |(_, over)| over.or(&rates));
        match self.tiering {
            Tiering::Whole => hourly(self.rates_for(usage.prompt())).sum(usage),
            Tiering::Marginal => self.marginal(usage, hourly),
        }
    }

    /// Returns the rates for a prompt of this size. Tiers build on one another, from the smallest
    /// up.
    fn rates_for(&self, prompt: u64) -> RateTable {
        let passed = self.tiers.iter().take_while(|tier| prompt > tier.above);
        passed.fold(self.tokens, |rates, tier| tier.rates.or(&rates))
    }

    fn marginal(&self, usage: &Usage, hourly: impl Fn(RateTable) -> RateTable) -> Option<Sum> {
        let (mut left, mut start) = (*usage, 0);
        let bounds = self.tiers.iter().map(|tier| tier.above);
        let mut sum = Sum::default();
        for end in bounds.chain([u64::MAX]) {
            // The answer goes with the first part.
            let part = take_prompt(&mut left, end - start, start == 0);
            let rates = self.rates_for(start.saturating_add(1));
            sum = sum.plus(hourly(rates).sum(&part)?);
            start = end;
        }
        Some(sum)
    }
}

/// Takes up to `room` tokens of the prompt out of `left`, in the order of their classes.
fn take_prompt(left: &mut Usage, mut room: u64, answer: bool) -> Usage {
    let mut part = Usage::default();
    for class in TokenClass::ALL {
        let have = left.tokens(class);
        let take = match (class.is_input(), answer) {
            (true, _) => have.min(room),
            (false, true) => have,
            (false, false) => 0,
        };
        if class.is_input() {
            room -= take;
        }
        part = part.with(class, take);
        *left = left.with(class, have - take);
    }
    part
}
