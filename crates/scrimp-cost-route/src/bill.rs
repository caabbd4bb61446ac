//! The cost of a call, and its payer.

use std::sync::Arc;

use scrimp_core::{Currency, Money, Totals};

use crate::{Price, Usage, payer::Payer};

/// Terms of a call's cost, besides its answer, and the payer.
pub(crate) struct Bill {
    pub(crate) payer: Payer,
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

// === impl Bill ===

impl Bill {
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
        let sum = cost.checked_add(self.before.get(cost.currency()));
        Some(sum.expect("both are in one currency"))
    }

    /// Returns the costs of earlier calls in other currencies than this.
    pub(crate) fn earlier_but(&self, currency: Currency) -> Totals {
        let others = self.before.iter();
        others
            .filter(|amount| amount.currency() != currency)
            .collect()
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
