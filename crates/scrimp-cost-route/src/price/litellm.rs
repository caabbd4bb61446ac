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
