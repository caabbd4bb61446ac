//! The FOCUS format.

mod cells;
mod columns;

use std::{collections::BTreeMap, io::Write};

use scrimp_core::Money;

use self::{
    cells::{Charge, cells},
    columns::COLUMNS,
};
use crate::LedgerRow;

/// Form in which an export shows avoided cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Savings {
    /// In the columns `x_ScrimpCallsAvoided` and `x_ScrimpAvoidedCost`, which are in no sum of costs.
    #[default]
    Columns,
    /// In these columns, and as pairs of rows: a `Usage` of what the calls would have cost, and a `Credit` of the
    /// same amount below zero. A pair adds up to zero, so the sum of `BilledCost` stays what was paid. The sum of
    /// the rows of `Usage` alone is then the cost without the layers, and that of the rows of `Credit` is what they
    /// saved. No provider granted these credits: do not book them.
    Credits,
}

/// Writes rows of a ledger in the FOCUS format, version 1.2, as CSV.
///
/// | column | is |
/// |---|---|
/// | `BilledCost`, `EffectiveCost`, `ListCost`, `ContractedCost` | the cost of the calls as the layers' prices say |
/// | `SubAccountId` | the tenant |
/// | `SkuId`, `SkuPriceId` | the model, or `requests` |
/// | `ServiceCategory` | `AI and Machine Learning` with a model, else `Other` |
/// | `PricingQuantity` | calls made |
/// | `ConsumedQuantity` | tokens, where they are known, else calls made |
/// | `Tags` | `scrimp/layer`, `scrimp/route`, `scrimp/model`, and the tags of the requests |
/// | `x_ScrimpCallsAvoided`, `x_ScrimpAvoidedCost`, `x_ScrimpTokensIn`, `x_ScrimpTokensOut` | columns of its own |
///
/// Decimals are exact and without exponents. A name that begins like a formula of a spreadsheet (`=`, `+`, `-`,
/// `@`) is written with an apostrophe before it, as callers may choose names.
#[derive(Debug, Clone)]
pub struct FocusExport {
    provider: Box<str>,
    by_model: BTreeMap<Box<str>, Box<str>>,
    billing_account: Box<str>,
    invoice: Box<str>,
    services: [Box<str>; 2],
    savings: Savings,
}

// === impl FocusExport ===

impl FocusExport {
    /// Makes an export of calls of one provider, such as `OpenAI`, under the name that its invoices have.
    #[must_use]
    pub fn new(provider: &str) -> Self {
        Self {
            provider: provider.into(),
            by_model: BTreeMap::new(),
            billing_account: provider.into(),
            invoice: "".into(),
            services: ["Language models".into(), "API".into()],
            savings: Savings::default(),
        }
    }

    /// Sets the provider of one model.
    #[must_use]
    pub fn provider_of(mut self, model: &str, provider: &str) -> Self {
        self.by_model.insert(model.into(), provider.into());
        self
    }

    /// Sets the account that the provider bills. Default: the provider's name.
    #[must_use]
    pub fn billing_account(mut self, id: &str) -> Self {
        self.billing_account = id.into();
        self
    }

    /// Sets the invoice that the charges are on. Default: none yet.
    #[must_use]
    pub fn invoice(mut self, id: &str) -> Self {
        self.invoice = id.into();
        self
    }

    /// Sets the names of the services: that of calls with a model, and that of all others. They should differ, as a
    /// service has one category. Default: `Language models` and `API`.
    #[must_use]
    pub fn services(mut self, models: &str, others: &str) -> Self {
        self.services = [models.into(), others.into()];
        self
    }

    /// Sets how avoided cost is shown. Default: [`Savings::Columns`].
    #[must_use]
    pub fn savings(mut self, savings: Savings) -> Self {
        self.savings = savings;
        self
    }

    /// Writes a header and the rows.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write(&self, rows: &[LedgerRow], out: impl Write) -> std::io::Result<()> {
        let mut csv = csv::WriterBuilder::new();
        let mut csv = csv.terminator(csv::Terminator::Any(b'\n')).from_writer(out);
        csv.write_record(COLUMNS.map(|column| column.name))?;
        for row in rows {
            csv.write_record(cells(self, row, Charge::Made))?;
            if self.savings == Savings::Credits && !row.saved.is_zero() {
                csv.write_record(cells(self, row, Charge::Avoided))?;
                csv.write_record(cells(self, row, Charge::Credit))?;
            }
        }
        csv.flush()
    }

    fn service_of(&self, has_model: bool) -> &str {
        &self.services[usize::from(!has_model)]
    }

    fn provider_for(&self, model: &str) -> &str {
        self.by_model.get(model).unwrap_or(&self.provider)
    }
}

/// Writes an amount as a decimal, without its currency.
fn decimal(amount: Money) -> String {
    let text = format!("{amount:#}");
    match text.split_once(' ') {
        Some((amount, _)) => amount.to_owned(),
        None => text,
    }
}
