//! The cost of a call, and its payer.

use std::sync::Arc;

use parking_lot::Mutex;
use scrimp_core::{Currency, Money, Totals};

use crate::{
    Price, Usage,
    payer::{Payer, Tags},
};

/// Terms of a call's cost, besides its answer, and the payer.
pub(crate) struct Bill {
    pub(crate) payer: Payer,
    pub(crate) tags: Tags,
    pub(crate) route: Arc<str>,
    pub(crate) price: Price,
    /// The model that the price is of, if it is of one.
    pub(crate) model: Option<Box<str>>,
    /// True if the cost that the answer states is taken.
    pub(crate) stated: bool,
    /// Usage of the request itself.
    pub(crate) sent: Usage,
    /// Number of requests before it in its volume period.
    pub(crate) used: u64,
    /// Costs of earlier calls for the same request.
    pub(crate) before: Totals,
    /// The call that was made beside it, if there is one.
    pub(crate) beside: Option<Beside>,
    /// True if a layer further in has booked the call.
    pub(crate) passing: bool,
}

/// Cost of a call that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// The call is not paid.
    Nothing,
    /// The call is paid, and its cost is not known.
    Unknown,
    Paid(Money),
}

/// One of two calls for the same request, of which the second was made as the first was slow.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    call: usize,
    costs: Arc<Mutex<[Option<Money>; 2]>>,
}

// === impl Bill ===

impl Bill {
    /// Returns the cost of the call beside it.
    fn lost(&self) -> Option<Money> {
        self.beside.as_ref()?.lost()
    }

    /// Reports whether the cost depends on what the answer says.
    pub(crate) fn reads_answers(&self) -> bool {
        self.stated || self.price.depends_on_tokens()
    }

    /// Returns the currency of the price.
    pub(crate) fn currency(&self) -> Currency {
        self.price.currency().unwrap_or(Currency::USD)
    }

    /// Returns a cost together with those of earlier calls in its currency.
    pub(crate) fn with_earlier(&self, cost: Option<Money>) -> Option<Money> {
        let cost = cost?;
        let lost = self
            .lost()
            .filter(|lost| lost.currency() == cost.currency());
        if self.before.is_zero() && lost.is_none() {
            return Some(cost);
        }
        let mut sum = self.before.get(cost.currency());
        for amount in lost.into_iter().chain([cost]) {
            sum = sum.checked_add(amount).expect("all are in one currency");
        }
        Some(sum)
    }

    /// Returns the costs of earlier calls in other currencies than this.
    pub(crate) fn earlier_but(&self, currency: Currency) -> Totals {
        let others = self.before.iter().chain(self.lost());
        others
            .filter(|amount| amount.currency() != currency)
            .collect()
    }
}

// === impl Beside ===

impl Beside {
    /// Makes two calls, each of which is told the cost of the other.
    pub(crate) fn new() -> [Self; 2] {
        let costs = Arc::default();
        [0, 1].map(|call| Self {
            call,
            costs: Arc::clone(&costs),
        })
    }

    /// Notes the cost of its call.
    pub(crate) fn ended(&self, cost: Option<Money>) {
        self.costs.lock()[self.call] = cost;
    }

    /// Returns the cost of the other call, if it has ended and was paid.
    pub(crate) fn lost(&self) -> Option<Money> {
        self.costs.lock()[1 - self.call]
    }
}

// === impl Cost ===

impl Cost {
    pub(crate) fn known(self) -> Option<Money> {
        match self {
            Self::Paid(cost) => Some(cost),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_two_calls_is_told_the_cost_of_the_other() {
        let [first, second] = Beside::new();
        assert_eq!((first.lost(), second.lost()), (None, None));
        let cost = "0.02".parse().ok();
        first.ended(cost);
        assert_eq!((first.lost(), second.lost()), (None, cost));
        second.ended("0.03".parse().ok());
        assert_eq!(first.lost(), "0.03".parse().ok());
        first.ended(None);
        assert_eq!(second.lost(), None, "it was not paid");
    }
}
