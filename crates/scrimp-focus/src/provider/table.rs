//! Exports as CSV.

use super::{ProviderRow, money};
use crate::FinanceError;

/// Names of each column, in small letters without `_` and spaces.
const DAY: &[&str] = &["day", "date", "chargeperiodstart", "usagedate"];
const MODEL: &[&str] = &["model", "modelname", "skuid"];
const REQUESTS: &[&str] = &["requests", "calls", "nummodelrequests"];
const TOKENS_IN: &[&str] = &["inputtokens", "tokensin", "prompttokens", "xscrimptokensin"];
const TOKENS_OUT: &[&str] = &[
    "outputtokens",
    "tokensout",
    "completiontokens",
    "xscrimptokensout",
];
const COST: &[&str] = &["cost", "amount", "billedcost", "spend"];
const CURRENCY: &[&str] = &["currency", "billingcurrency"];

/// Places of the columns that are read.
struct Places {
    day: usize,
    model: Option<usize>,
    requests: Option<usize>,
    tokens_in: Option<usize>,
    tokens_out: Option<usize>,
    cost: Option<usize>,
    currency: Option<usize>,
}

pub(super) fn rows(text: &str) -> Result<Vec<ProviderRow>, FinanceError> {
    let mut table = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = table.headers();
    let places = Places::of(header.map_err(|error| FinanceError::new(error.to_string()))?)?;
    let mut rows = Vec::new();
    for record in table.records() {
        let record = record.map_err(|error| FinanceError::new(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = places.row(&record);
        rows.push(row.map_err(|error| FinanceError::at(line, error))?);
    }
    Ok(rows)
}

// === impl Places ===

impl Places {
    fn of(header: &csv::StringRecord) -> Result<Self, FinanceError> {
        let plain = |name: &str| {
            let name = name.chars().filter(|sign| !matches!(sign, '_' | ' '));
            name.collect::<String>().to_ascii_lowercase()
        };
        let header: Vec<_> = header.iter().map(plain).collect();
        let find = |names: &[&str]| header.iter().position(|name| names.contains(&&**name));
        let day = find(DAY);
        let none = "the export is neither JSON of a known provider nor CSV with a column `day`";
        Ok(Self {
            day: day.ok_or_else(|| FinanceError::new(none))?,
            model: find(MODEL),
            requests: find(REQUESTS),
            tokens_in: find(TOKENS_IN),
            tokens_out: find(TOKENS_OUT),
            cost: find(COST),
            currency: find(CURRENCY),
        })
    }

    fn row(&self, record: &csv::StringRecord) -> Result<ProviderRow, FinanceError> {
        let cell = |place: Option<usize>| {
            let cell = place.and_then(|place| record.get(place));
            cell.filter(|cell| !cell.is_empty())
        };
        let count = |place| match cell(place) {
            Some(text) => match text.parse::<u64>() {
                Ok(count) => Ok(Some(count)),
                Err(_) => Err(FinanceError::new(format!("{text:?} is not a count"))),
            },
            None => Ok(None),
        };
        let mut row =
            ProviderRow::new(day(record.get(self.day))?, cell(self.model).map(Into::into));
        row.requests = count(self.requests)?;
        row.tokens_in = count(self.tokens_in)?;
        row.tokens_out = count(self.tokens_out)?;
        let currency = cell(self.currency).unwrap_or("USD");
        let cost = cell(self.cost).map(|cost| money(cost, currency, 0));
        row.cost = cost.transpose()?;
        Ok(row)
    }
}

/// Reads a day, also of a point in time.
fn day(text: Option<&str>) -> Result<String, FinanceError> {
    let text = text.unwrap_or_default();
    let date = text.get(..10).unwrap_or(text).parse::<jiff::civil::Date>();
    let date = date.map_err(|_| FinanceError::new(format!("{text:?} is not a day")))?;
    Ok(date.to_string())
}
