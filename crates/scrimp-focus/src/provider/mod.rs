//! Exports of usage and cost as providers give them.

mod anthropic;
mod openai;
mod table;

use scrimp_core::{Currency, Money};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{FinanceError, decimal};

/// Usage or cost in a provider's export.
///
/// One row has what one source says; a count that it does not say is `None`, and never 0.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderRow {
    /// Day of UTC, such as `2026-11-30`.
    pub day: String,
    /// Model, if the export divides by it.
    pub model: Option<String>,
    /// Requests.
    pub requests: Option<u64>,
    /// Tokens of prompts, those read from and written to a cache included.
    pub tokens_in: Option<u64>,
    /// Tokens of answers.
    pub tokens_out: Option<u64>,
    /// Cost.
    pub cost: Option<Money>,
}

/// Statements of a provider about an account: one export, or several of them together.
///
/// ```
/// use scrimp_focus::ProviderExport;
///
/// let export = ProviderExport::read("day,model,requests,cost\n2026-11-30,small,2,0.05\n")?;
/// assert_eq!(export.rows()[0].cost, Some("0.05".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ProviderExport {
    rows: Vec<ProviderRow>,
    cut_short: bool,
}

/// The part of a page that tells whose it is.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    has_more: bool,
}

// === impl ProviderExport ===

impl ProviderExport {
    /// Reads an export:
    ///
    /// - JSON of OpenAI: `/v1/organization/usage/completions` and `/v1/organization/costs`, by day;
    /// - JSON of Anthropic: `/v1/organizations/usage_report/messages` and `/v1/organizations/cost_report`;
    /// - CSV with a header: `day` and any of `model`, `requests`, `input_tokens`, `output_tokens`, `cost`,
    ///   `currency`. A file in the FOCUS format is such a table, too.
    ///
    /// Several pages of JSON may stand one after the other. Amounts are read without floats.
    ///
    /// # Errors
    ///
    /// If the text is none of these, or a number in it cannot be read.
    pub fn read(text: &str) -> Result<Self, FinanceError> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        match text.starts_with('{') {
            true => Self::pages(text),
            false => table::rows(text).map(|rows| Self {
                rows,
                cut_short: false,
            }),
        }
    }

    /// Adds another export, such as the costs to the usage.
    pub fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.cut_short |= other.cut_short;
    }

    /// Returns the rows.
    #[must_use]
    pub fn rows(&self) -> &[ProviderRow] {
        &self.rows
    }

    /// Reports whether the last page that was read says that there are more.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    fn pages(text: &str) -> Result<Self, FinanceError> {
        let mut export = Self::default();
        for (number, page) in (1..).zip(serde_json::Deserializer::from_str(text).into_iter()) {
            let wrong = |error: &dyn std::fmt::Display| {
                FinanceError::new(format!("page {number} of the export: {error}"))
            };
            let page: Page<'_> = page.map_err(|error| wrong(&error))?;
            export.cut_short = page.has_more;
            for bucket in page.data {
                let rows = match openai::is_bucket(bucket.get()) {
                    true => openai::rows(bucket.get()),
                    false => anthropic::rows(bucket.get()),
                };
                export.rows.extend(rows.map_err(|error| wrong(&error))?);
            }
        }
        Ok(export)
    }
}

// === impl ProviderRow ===

impl ProviderRow {
    fn new(day: String, model: Option<String>) -> Self {
        Self {
            day,
            model: model.filter(|model| !model.is_empty()),
            requests: None,
            tokens_in: None,
            tokens_out: None,
            cost: None,
        }
    }
}

/// Reads an amount, times 10^`shift`.
fn money(amount: &str, currency: &str, shift: i32) -> Result<Money, FinanceError> {
    let amount = amount.trim().trim_matches('"');
    let pico = decimal::pico(amount, shift);
    let pico = pico.ok_or_else(|| FinanceError::new(format!("{amount:?} is not a number")))?;
    let code = Currency::new(&currency.to_ascii_uppercase());
    let code = code.ok_or_else(|| FinanceError::new(format!("{currency:?} is not a currency")))?;
    Ok(Money::from_pico(pico, code))
}
