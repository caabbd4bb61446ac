//! Usage and costs of an organization at Anthropic.

use jiff::Timestamp;
use serde::Deserialize;

use super::{ProviderRow, money};
use crate::{FinanceError, period::day_of};

#[derive(Deserialize)]
struct Bucket {
    starting_at: String,
    results: Vec<Entry>,
}

/// An entry is of the cost report if it has an amount.
#[derive(Deserialize)]
struct Entry {
    model: Option<String>,
    amount: Option<String>,
    currency: Option<String>,
    uncached_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<Written>,
    output_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    ephemeral_1h_input_tokens: u64,
    #[serde(default)]
    ephemeral_5m_input_tokens: u64,
}

pub(super) fn rows(json: &str) -> Result<Vec<ProviderRow>, FinanceError> {
    let bucket: Bucket =
        serde_json::from_str(json).map_err(|error| FinanceError::new(error.to_string()))?;
    let start = bucket.starting_at.parse::<Timestamp>();
    let start = start.map_err(|error| FinanceError::new(error.to_string()))?;
    let day = day_of(start).to_string();
    let rows = bucket.results.into_iter();
    rows.map(|entry| entry.row(day.clone())).collect()
}

// === impl Entry ===

impl Entry {
    fn row(self, day: String) -> Result<ProviderRow, FinanceError> {
        let mut row = ProviderRow::new(day, self.model);
        if let Some(amount) = &self.amount {
            // In the lowest unit of the currency, such as cents.
            let currency = self.currency.as_deref().unwrap_or("USD");
            row.cost = Some(money(amount, currency, -2)?);
            return Ok(row);
        }
        let (Some(uncached), Some(output)) = (self.uncached_input_tokens, self.output_tokens)
        else {
            return Err(FinanceError::new(
                "an entry has neither an amount nor tokens",
            ));
        };
        let written = self.cache_creation.map_or(0, |written| {
            let (hour, minutes) = (
                written.ephemeral_1h_input_tokens,
                written.ephemeral_5m_input_tokens,
            );
            hour.saturating_add(minutes)
        });
        let read = self.cache_read_input_tokens.unwrap_or(0);
        row.tokens_in = Some(uncached.saturating_add(read).saturating_add(written));
        row.tokens_out = Some(output);
        Ok(row)
    }
}
