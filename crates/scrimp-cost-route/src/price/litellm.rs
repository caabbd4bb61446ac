//! Reads LiteLLM's price table, the JSON file that its wheel carries.
//!
//! ```no_run
//! use scrimp_cost_route::litellm::PriceTable;
//!
//! let table = PriceTable::load("model_prices_and_context_window_backup.json")?;
//! let price = table.price("gpt-4o-mini")?;
//! for (model, reason) in table.left_out() {
//!     eprintln!("{model}: {reason}");
//! }
//! # Ok::<(), scrimp_core::BoxError>(())
//! ```

mod nearest;
mod off_peak;
mod row;

use std::{collections::BTreeMap, fmt, path::Path};

use serde_json::{Map, Value};

pub use self::nearest::PriceError;
use super::Price;

/// Prices by model.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    rows: BTreeMap<String, Result<Price, LeftOut>>,
    /// Longest prompts, in tokens, as far as the table has them.
    prompts: BTreeMap<String, u64>,
}

/// Service level that is asked for: some providers price it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ServiceTier {
    /// The standard level.
    #[default]
    Standard,
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
    /// In a batch job, within a day, and cheaper. A row without such prices has its standard ones.
    Batch,
}

/// Reason for which a row has no price here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftOut {
    /// The row describes the format.
    Sample,
    /// The row is not an object.
    NotAnObject,
    /// No field is a price per token. The fields that are prices are named.
    NoTokenPrice(Vec<String>),
    /// A field that should be a price is not an exact decimal.
    Unreadable(String),
    /// The off-peak hours are of a calendar that is not known here.
    Calendar(String),
}

/// Error of a table that cannot be read.
#[derive(Debug)]
pub struct TableError(Box<dyn std::error::Error + Send + Sync>);

// === impl PriceTable ===

impl PriceTable {
    /// Reads a file, at once and whole: do not call it within a request.
    ///
    /// # Errors
    ///
    /// If there is no such file, or it holds no JSON object.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let text = std::fs::read(path).map_err(|error| TableError(error.into()))?;
        Self::parse(&text, ServiceTier::Standard)
    }

    /// Reads the table's JSON, for a service level.
    ///
    /// # Errors
    ///
    /// If it is no JSON object.
    pub fn parse(json: &[u8], tier: ServiceTier) -> Result<Self, TableError> {
        let table: Map<String, Value> =
            serde_json::from_slice(json).map_err(|error| TableError(error.into()))?;
        let prompts = table.iter().filter_map(|(model, row)| {
            let most = row.get("max_input_tokens").and_then(Value::as_u64)?;
            Some((model.clone(), most))
        });
        let prompts = prompts.collect();
        let rows = table.into_iter().map(|(model, row)| {
            let price = match (&row, model.as_str()) {
                (_, "sample_spec") => Err(LeftOut::Sample),
                (Value::Object(row), _) => row::price(row, tier),
                _ => Err(LeftOut::NotAnObject),
            };
            (model, price)
        });
        Ok(Self {
            rows: rows.collect(),
            prompts,
        })
    }

    /// Returns the price of a model.
    ///
    /// # Errors
    ///
    /// If the model is not in the table, or left out. The error gives the nearest names.
    pub fn price(&self, model: &str) -> Result<Price, PriceError> {
        let left_out = match self.rows.get(model) {
            Some(Ok(price)) => return Ok(price.clone()),
            Some(Err(reason)) => Some(reason.clone()),
            None => None,
        };
        let names = self.priced().map(|(name, _)| name);
        Err(PriceError {
            model: model.to_owned(),
            left_out,
            nearest: nearest::nearest(model, names),
        })
    }

    /// Returns the number of tokens that a model's prompt may have, for
    /// [`Provider::context_window`](crate::Provider::context_window). `None` if the table does not
    /// say.
    #[must_use]
    pub fn context_window(&self, model: &str) -> Option<u64> {
        self.prompts.get(model).copied()
    }

    /// Returns every model that has a price, by name.
    pub fn priced(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.rows
            .iter()
            .filter_map(|(model, price)| Some((model.as_str(), price.as_ref().ok()?)))
    }

    /// Returns every row that has no price here, with the reason.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, &LeftOut)> {
        self.rows
            .iter()
            .filter_map(|(model, price)| Some((model.as_str(), price.as_ref().err()?)))
    }
}

// === impl ServiceTier ===

impl ServiceTier {
    fn suffix(self) -> &'static str {
        match self {
            Self::Standard => "",
            Self::Flex => "_flex",
            Self::Priority => "_priority",
            Self::Batch => "_batches",
        }
    }
}

// === impl LeftOut ===

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample => f.write_str("describes the format"),
            Self::NotAnObject => f.write_str("is no object"),
            Self::NoTokenPrice(fields) if fields.is_empty() => f.write_str("has no price"),
            Self::NoTokenPrice(fields) => {
                write!(f, "has no price per token, only {}", fields.join(", "))
            }
            Self::Unreadable(field) => write!(f, "{field} is no exact, positive decimal"),
            Self::Calendar(zone) => write!(f, "off-peak weekdays in {zone}"),
        }
    }
}

// === impl TableError ===

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot read the price table, which should be LiteLLM's JSON of models: {}",
            self.0
        )
    }
}

impl std::error::Error for TableError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"{
        "gpt-4o-mini": {"input_cost_per_token": 1.5e-7, "output_cost_per_token": 6e-7,
            "max_input_tokens": 128000},
        "dall-e": {"input_cost_per_image": 0.04}
    }"#;

    #[test]
    fn a_model_without_a_price_is_an_error_that_names_the_nearest_or_the_reason() {
        let table = PriceTable::parse(TABLE.as_bytes(), ServiceTier::Standard).unwrap();
        assert!(table.price("gpt-4o-mini").is_ok());
        let says = |model: &str| table.price(model).unwrap_err().to_string();
        assert_eq!(
            says("gpt4o-mini"),
            "no model is named \"gpt4o-mini\"; the nearest is \"gpt-4o-mini\""
        );
        assert_eq!(says("zephyr"), "no model is named \"zephyr\"");
        assert_eq!(
            says("dall-e"),
            "the model \"dall-e\" is left out: has no price per token, only input_cost_per_image"
        );
    }

    #[test]
    fn each_service_level_has_its_own_price_and_a_row_without_one_the_standard_price() {
        // Prices of gpt-5-mini and of claude-haiku-4-5, as the table has them.
        let table = r#"{
            "gpt-5-mini": {"input_cost_per_token": 2.5e-07, "input_cost_per_token_batches": 1.25e-07,
                "input_cost_per_token_flex": 1.25e-07, "input_cost_per_token_priority": 4.5e-07,
                "output_cost_per_token": 2e-06, "output_cost_per_token_batches": 1e-06,
                "output_cost_per_token_flex": 1e-06, "output_cost_per_token_priority": 3.6e-06},
            "claude-haiku-4-5": {"input_cost_per_token": 1e-06, "input_cost_per_token_batches": 5e-07,
                "output_cost_per_token": 5e-06, "output_cost_per_token_batches": 2.5e-06}
        }"#;
        let usage = crate::Usage::text(1_000_000, 0);
        let cost = |model: &str, tier| {
            let table = PriceTable::parse(table.as_bytes(), tier).unwrap();
            let price = table.price(model).unwrap();
            price
                .cost(&usage, std::time::UNIX_EPOCH, 0)
                .unwrap()
                .to_string()
        };
        use ServiceTier::{Batch, Flex, Priority, Standard};
        let tiers = [Standard, Flex, Priority, Batch];
        let of = |model: &str| tiers.map(|tier| cost(model, tier));
        assert_eq!(of("gpt-5-mini"), ["$0.25", "$0.125", "$0.45", "$0.125"]);
        assert_eq!(of("claude-haiku-4-5"), ["$1.00", "$1.00", "$1.00", "$0.50"]);
    }

    #[test]
    fn the_longest_prompt_of_a_model_is_known_where_the_table_has_it() {
        let table = PriceTable::parse(TABLE.as_bytes(), ServiceTier::Standard).unwrap();
        assert_eq!(table.context_window("gpt-4o-mini"), Some(128_000));
        assert_eq!(table.context_window("dall-e"), None);
        assert_eq!(table.context_window("zephyr"), None);
    }
}
