//! The limits of a run on calls and money.

use scrimp_core::{Money, Totals};

use crate::{config::Config, event::StopReason};

/// Calls and money of a run, and of the earlier ones that it goes on with.
#[derive(Debug)]
pub(crate) struct Limits {
    max_calls: Option<u64>,
    budget: Option<Money>,
    /// Expected cost of a call.
    price: Money,
    calls: u64,
    spent: Totals,
    in_flight: u64,
}

// === impl Limits ===

impl Limits {
    pub(crate) fn new(config: &Config, calls: u64, spent: Totals) -> Self {
        Self {
            max_calls: config.max_calls,
            budget: config.budget,
            price: config.expected(),
            calls,
            spent,
            in_flight: 0,
        }
    }

    /// Checks that a further call cannot exceed a limit. If it could, the limit is used up for good unless
    /// calls are in flight.
    pub(crate) fn check(&self) -> Result<(), StopReason> {
        if self
            .max_calls
            .is_some_and(|max| self.calls + self.in_flight >= max)
        {
            return Err(StopReason::Calls);
        }
        if let Some(budget) = self.budget {
            let spent = self.spent.get(budget.currency()).pico();
            let flying = self
                .price
                .pico()
                .saturating_mul(i128::from(self.in_flight) + 1);
            if spent.saturating_add(flying) > budget.pico() {
                return Err(StopReason::Budget);
            }
        }
        Ok(())
    }

    /// Takes a place for a call.
    pub(crate) fn take(&mut self) {
        self.in_flight += 1;
    }

    /// Books the end of a request, with the cost if it was a call.
    pub(crate) fn settle(&mut self, cost: Option<&Totals>) {
        self.in_flight -= 1;
        if let Some(cost) = cost {
            self.calls += 1;
            cost.iter().for_each(|amount| self.spent.add(amount));
        }
    }
}
