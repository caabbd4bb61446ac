//! Lines of a ledger in one charge period, and their files.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
};

use scrimp_core::{Currency, Line, Money, extensions::CostTags};
use serde::{Deserialize, Serialize};

use crate::{ChargePeriod, FinanceError};

/// Amounts that one line of a ledger has gained in a charge period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LedgerRow {
    /// The period.
    pub period: ChargePeriod,
    /// Layer of the line.
    pub layer: Box<str>,
    /// Tenant; empty if there are none.
    pub tenant: Box<str>,
    /// Route; empty if there are none.
    pub route: Box<str>,
    /// Model; empty if it is not known.
    #[serde(default)]
    pub model: Box<str>,
    /// Tags of the requests.
    #[serde(default)]
    pub tags: CostTags,
    /// Calls that reached the upstream and are on no other layer's line.
    pub calls: u64,
    /// Cost of those calls.
    pub spent: Money,
    /// Calls that were avoided.
    #[serde(default)]
    pub calls_avoided: u64,
    /// Cost that those calls would have had.
    pub saved: Money,
    /// Tokens of the prompts, where they are known.
    #[serde(default)]
    pub tokens_in: u64,
    /// Tokens of the answers, where they are known.
    #[serde(default)]
    pub tokens_out: u64,
}

/// Identity of a line over time.
#[derive(PartialEq, Eq, Hash)]
struct Name<'a> {
    layer: &'a str,
    tenant: &'a str,
    route: &'a str,
    model: &'a str,
    tags: &'a CostTags,
    currency: Currency,
}

/// Returns what the lines of one ledger have gained between two readings. A line without a change is left
/// out, and so are calls that another layer's line has: each call is on one row.
///
/// The differences of a series of readings add up to the last reading, to the last 10⁻¹².
#[must_use]
pub fn rows_between(before: &[Line], after: &[Line], period: ChargePeriod) -> Vec<LedgerRow> {
    let before: HashMap<_, _> = before.iter().map(|line| (name(line), line)).collect();
    let rows = after.iter().filter_map(|line| {
        let row = LedgerRow::between(before.get(&name(line)).copied(), line, period);
        row.has_any().then_some(row)
    });
    rows.collect()
}

/// Writes rows as lines of JSON.
///
/// # Errors
///
/// If writing fails.
pub fn write_rows(rows: &[LedgerRow], mut out: impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut out, row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Reads lines of JSON.
///
/// # Errors
///
/// If one of them cannot be read, or is not a row.
pub fn read_rows(input: impl BufRead) -> Result<Vec<LedgerRow>, FinanceError> {
    let mut rows = Vec::new();
    for (index, line) in (1..).zip(input.lines()) {
        let line = line.map_err(|error| FinanceError::at(index, error))?;
        if !line.trim().is_empty() {
            let row = serde_json::from_str(&line);
            rows.push(row.map_err(|error| FinanceError::at(index, error))?);
        }
    }
    Ok(rows)
}

fn name(line: &Line) -> Name<'_> {
    Name {
        layer: line.layer,
        tenant: &line.tenant,
        route: &line.route,
        model: &line.model,
        tags: &line.tags,
        currency: line.saved.currency(),
    }
}

fn gained(before: Option<Money>, after: Money) -> Money {
    let before = before.map_or(0, Money::pico);
    Money::from_pico(after.pico().saturating_sub(before), after.currency())
}

// === impl LedgerRow ===

impl LedgerRow {
    fn between(before: Option<&Line>, after: &Line, period: ChargePeriod) -> Self {
        let count = |of: fn(&Line) -> u64| of(after).saturating_sub(before.map_or(0, of));
        Self {
            period,
            layer: after.layer.into(),
            tenant: after.tenant.clone(),
            route: after.route.clone(),
            model: after.model.clone(),
            tags: after.tags.clone(),
            calls: count(|line| line.calls_made.saturating_sub(line.calls_passed)),
            spent: gained(before.map(Line::own), after.own()),
            calls_avoided: count(|line| line.calls_avoided),
            saved: gained(before.map(|line| line.saved), after.saved),
            tokens_in: count(|line| line.tokens_in),
            tokens_out: count(|line| line.tokens_out),
        }
    }

    fn has_any(&self) -> bool {
        let counts = [
            self.calls,
            self.calls_avoided,
            self.tokens_in,
            self.tokens_out,
        ];
        counts.iter().any(|count| *count > 0) || !self.spent.is_zero() || !self.saved.is_zero()
    }
}
