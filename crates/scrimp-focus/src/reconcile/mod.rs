//! A ledger beside a provider's export.

mod amounts;
mod models;
mod reason;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::models::Models;
pub use self::{amounts::Amounts, reason::ProbableReason};
use crate::{LedgerRow, ProviderExport, ProviderRow};

/// Differences between a ledger and what a provider says, by day and by model.
///
/// Days are those of UTC. `{}` is a table; by serde it is `days`, `models` and `notes`.
///
/// ```
/// use scrimp_focus::{ProviderExport, ProbableReason, Reconciliation, read_rows};
///
/// let rows = read_rows(r#"{"period":["2026-11-30T00:00:00Z","2026-12-01T00:00:00Z"],"layer":"cost-route",
///     "tenant":"acme","route":"chat","model":"small","calls":2,"spent":"0.05 USD","saved":"0 USD",
///     "tokens_in":1000,"tokens_out":500}"#.replace('\n', "").as_bytes())?;
/// let export = ProviderExport::read("day,model,requests,cost\n2026-11-30,small,3,0.07\n")?;
/// let reconciliation = Reconciliation::compare(&rows, &export);
/// assert_eq!(reconciliation.models[0].reasons, [ProbableReason::MissingCalls]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Reconciliation {
    /// All models of each day together, and what the export does not divide by model.
    pub days: Vec<Comparison>,
    /// Each model of each day.
    pub models: Vec<Comparison>,
    /// Reasons to doubt the comparison itself.
    pub notes: Vec<String>,
}

/// One day, or one model of it, in the ledger and at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Day of UTC.
    pub day: String,
    /// Model; `None` for all of them.
    pub model: Option<String>,
    /// Amounts of the ledger.
    pub ledger: Amounts,
    /// Amounts of the provider.
    pub provider: Amounts,
    /// Probable reasons of differences beyond the tolerance; empty if there are none.
    pub reasons: Vec<ProbableReason>,
}

/// Settings of a comparison.
#[derive(Debug, Clone, Default)]
pub struct Matching {
    models: Models,
    permille: u16,
}

// === impl Matching ===

impl Matching {
    /// Makes settings with which any difference counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name that the provider has for a model of the ledger. Names that differ only by a date at the end,
    /// as `small-2026-11-30` and `small`, are known to be the same.
    #[must_use]
    pub fn alias(mut self, ledger: &str, provider: &str) -> Self {
        self.models.alias(ledger, provider);
        self
    }

    /// Sets the difference that does not count, in thousandths of the larger amount. Default: 0.
    #[must_use]
    pub fn tolerance(mut self, permille: u16) -> Self {
        self.permille = permille;
        self
    }
}

// === impl Reconciliation ===

impl Reconciliation {
    /// Compares the rows of a ledger with an export, to the last 10⁻¹².
    #[must_use]
    pub fn compare(rows: &[LedgerRow], export: &ProviderExport) -> Self {
        Self::compare_with(rows, export, &Matching::new())
    }

    /// Compares them with settings.
    #[must_use]
    pub fn compare_with(rows: &[LedgerRow], export: &ProviderExport, matching: &Matching) -> Self {
        let rows: Vec<_> = rows.iter().filter(|row| is_made(row)).collect();
        let names: BTreeSet<&str> = rows.iter().map(|row| &*row.model).collect();
        let mut sides = Sides::default();
        for row in &rows {
            let day = row.period.day().to_string();
            sides.ledger(&day, None).add_row(row);
            if !row.model.is_empty() {
                sides.ledger(&day, Some(&row.model)).add_row(row);
            }
        }
        let mut told = Amounts::default();
        for row in export.rows() {
            sides.provider(&row.day, None).add_told(row);
            if let Some(model) = &row.model {
                let model = matching.models.of_ledger(model, &names);
                sides.provider(&row.day, Some(model)).add_told(row);
                told.add_told(row);
            }
        }
        let mut whole = Amounts::default();
        export.rows().iter().for_each(|row| whole.add_told(row));
        let (mut days, mut models) = (Vec::new(), Vec::new());
        for ((day, model), (ledger, provider)) in sides.0 {
            let known = if model.is_some() { &told } else { &whole };
            let provider = provider.with_zeros_of(known);
            let reasons = reason::reasons(&ledger, &provider, matching.permille);
            let list = if model.is_some() {
                &mut models
            } else {
                &mut days
            };
            list.push(Comparison {
                day,
                model,
                ledger,
                provider,
                reasons,
            });
        }
        let notes = notes(&rows, export);
        Self {
            days,
            models,
            notes,
        }
    }

    /// Reports whether nothing differs beyond the tolerance.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let all = self.days.iter().chain(&self.models);
        all.into_iter().all(|one| one.reasons.is_empty())
    }
}

/// Both sides, by day and model.
#[derive(Default)]
struct Sides(BTreeMap<(String, Option<String>), (Amounts, Amounts)>);

// === impl Sides ===

impl Sides {
    fn ledger(&mut self, day: &str, model: Option<&str>) -> &mut Amounts {
        &mut self.both(day, model).0
    }

    fn provider(&mut self, day: &str, model: Option<&str>) -> &mut Amounts {
        &mut self.both(day, model).1
    }

    fn both(&mut self, day: &str, model: Option<&str>) -> &mut (Amounts, Amounts) {
        let name = (day.to_owned(), model.map(str::to_owned));
        self.0
            .entry(name)
            .or_insert_with(|| (Amounts::zero(), Amounts::default()))
    }
}

/// A provider knows nothing of calls that were avoided.
fn is_made(row: &LedgerRow) -> bool {
    row.calls > 0 || !row.spent.is_zero() || row.tokens_in > 0 || row.tokens_out > 0
}

fn notes(rows: &[&LedgerRow], export: &ProviderExport) -> Vec<String> {
    let mut notes = Vec::new();
    if export.is_cut_short() {
        notes.push("the export has more pages than were given".to_owned());
    }
    let long = rows
        .iter()
        .filter(|row| row.period.crosses_midnight())
        .count();
    if long > 0 {
        notes.push(format!(
            "{long} rows are of periods that cross midnight (UTC), and count to the day that they start on"
        ));
    }
    let nameless = rows.iter().filter(|row| row.model.is_empty()).count();
    if nameless > 0 {
        notes.push(format!(
            "{nameless} rows have no model, and count only to their days"
        ));
    }
    let blank = |row: &&ProviderRow| row.model.is_none();
    let undivided = export.rows().iter().filter(blank).count();
    if undivided > 0 {
        notes.push(format!(
            "{undivided} entries of the export have no model, and count only to their days"
        ));
    }
    notes
}
