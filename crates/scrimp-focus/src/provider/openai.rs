//! Usage and costs of an organization at OpenAI.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ProviderRow, money};
use crate::{FinanceError, period::day_of};

#[derive(Deserialize)]
struct Bucket<'a> {
    start_time: i64,
    #[serde(borrow, alias = "result")]
    results: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kind {
    object: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    num_model_requests: Option<u64>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Cost<'a> {
    #[serde(borrow)]
    amount: Amount<'a>,
    line_item: Option<String>,
}

#[derive(Deserialize)]
struct Amount<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
    currency: String,
}

pub(super) fn is_bucket(json: &str) -> bool {
    let kind = serde_json::from_str::<Kind>(json);
    kind.is_ok_and(|kind| kind.object.as_deref() == Some("bucket"))
}

pub(super) fn rows(json: &str) -> Result<Vec<ProviderRow>, FinanceError> {
    let bucket: Bucket<'_> = read(json)?;
    let start = Timestamp::from_second(bucket.start_time);
    let start = start.map_err(|error| FinanceError::new(error.to_string()))?;
    let day = day_of(start).to_string();
    let rows = bucket.results.iter().map(|result| row(result.get(), &day));
    rows.collect()
}

fn row(json: &str, day: &str) -> Result<ProviderRow, FinanceError> {
    let kind: Kind = read(json)?;
    match kind.object.as_deref() {
        Some("organization.costs.result") => {
            let cost: Cost<'_> = read(json)?;
            // A line item is "MODEL, KIND OF TOKENS".
            let item = cost.line_item.as_deref().unwrap_or_default();
            let model = item.split(',').next().unwrap_or_default().trim();
            let mut row = ProviderRow::new(day.to_owned(), Some(model.to_owned()));
            row.cost = Some(money(cost.amount.value.get(), &cost.amount.currency, 0)?);
            Ok(row)
        }
        Some(kind) if kind.starts_with("organization.usage.") => {
            let usage: Usage = read(json)?;
            let mut row = ProviderRow::new(day.to_owned(), usage.model);
            row.requests = usage.num_model_requests;
            row.tokens_in = Some(usage.input_tokens);
            row.tokens_out = Some(usage.output_tokens);
            Ok(row)
        }
        kind => Err(FinanceError::new(format!(
            "{kind:?} is no kind of result that is read"
        ))),
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, FinanceError> {
    serde_json::from_str(json).map_err(|error| FinanceError::new(error.to_string()))
}
