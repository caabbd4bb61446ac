//! Amounts of one side.

use std::cmp::Ordering;

use scrimp_core::{Currency, Money, Totals};
use serde::Serialize;

use crate::{LedgerRow, ProviderRow};

/// Amounts that one side states for a day. `None` is not stated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Amounts {
    /// Requests.
    pub requests: Option<u64>,
    /// Tokens of prompts.
    pub tokens_in: Option<u64>,
    /// Tokens of answers.
    pub tokens_out: Option<u64>,
    /// Cost, by currency.
    pub cost: Option<Totals>,
}

// === impl Amounts ===

impl Amounts {
    /// Returns the amounts of a ledger without calls.
    pub(super) fn zero() -> Self {
        Self {
            requests: Some(0),
            tokens_in: Some(0),
            tokens_out: Some(0),
            cost: Some(Totals::new()),
        }
    }

    pub(super) fn add_row(&mut self, row: &LedgerRow) {
        add(&mut self.requests, Some(row.calls));
        add(&mut self.tokens_in, Some(row.tokens_in));
        add(&mut self.tokens_out, Some(row.tokens_out));
        self.cost.get_or_insert_default().add(row.spent);
    }

    pub(super) fn add_told(&mut self, row: &ProviderRow) {
        add(&mut self.requests, row.requests);
        add(&mut self.tokens_in, row.tokens_in);
        add(&mut self.tokens_out, row.tokens_out);
        if let Some(cost) = row.cost {
            self.cost.get_or_insert_default().add(cost);
        }
    }

    /// Fills in zero for each amount that `known` says of other days or models.
    pub(super) fn with_zeros_of(mut self, known: &Self) -> Self {
        let zero = |count: Option<u64>, known: Option<u64>| count.or(known.map(|_| 0));
        self.requests = zero(self.requests, known.requests);
        self.tokens_in = zero(self.tokens_in, known.tokens_in);
        self.tokens_out = zero(self.tokens_out, known.tokens_out);
        self.cost = self
            .cost
            .or_else(|| known.cost.as_ref().map(|_| Totals::new()));
        self
    }

    /// Reports whether it says of nothing more than zero.
    pub(super) fn is_zero(&self) -> bool {
        let counts = [self.requests, self.tokens_in, self.tokens_out];
        let counts = counts.into_iter().all(|count| count.unwrap_or(0) == 0);
        counts && self.cost.as_ref().is_none_or(Totals::is_zero)
    }
}

/// Compares two counts. `None` if one of them is not known.
pub(super) fn counts(
    ledger: Option<u64>,
    provider: Option<u64>,
    permille: u16,
) -> Option<Ordering> {
    let (ledger, provider) = (ledger?, provider?);
    let (a, b) = (i128::from(ledger), i128::from(provider));
    Some(beyond(a, b, permille))
}

/// Compares two costs, of which one currency that differs decides. `None` if one of them is not known.
pub(super) fn costs(ledger: &Amounts, provider: &Amounts, permille: u16) -> Option<Ordering> {
    let (ledger, provider) = (ledger.cost.as_ref()?, provider.cost.as_ref()?);
    let currencies = ledger.iter().chain(provider.iter()).map(Money::currency);
    let compare = |currency: Currency| {
        let (a, b) = (ledger.get(currency), provider.get(currency));
        beyond(a.pico(), b.pico(), permille)
    };
    let differs = currencies.map(compare).find(|order| order.is_ne());
    Some(differs.unwrap_or(Ordering::Equal))
}

fn beyond(a: i128, b: i128, permille: u16) -> Ordering {
    let apart = a.abs_diff(b);
    let most = a.unsigned_abs().max(b.unsigned_abs());
    // Divided first, so that nothing overflows: what is lost is less than one unit for each thousandth.
    let allowed = (most / 1_000)
        .saturating_mul(permille.into())
        .saturating_add(most % 1_000 * u128::from(permille) / 1_000);
    match apart > allowed {
        true => a.cmp(&b),
        false => Ordering::Equal,
    }
}

fn add(sum: &mut Option<u64>, count: Option<u64>) {
    if let Some(count) = count {
        *sum = Some(sum.unwrap_or(0).saturating_add(count));
    }
}
