//! A ledger as text and as JSON.

use std::fmt;

use super::{Ledger, Line};
use crate::Totals;

/// Sums over all lines of a [`Ledger`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LedgerTotals {
    /// Calls that reached the upstream, each counted once.
    pub calls_made: u64,
    /// Cost of those calls, by currency.
    pub spent: Totals,
    /// Calls that were avoided.
    pub calls_avoided: u64,
    /// Cost that those calls would have had, by currency.
    pub saved: Totals,
}

/// Columns of the table. Those of labels are left out where no line
/// has one.
const TITLES: [&str; 9] = [
    "layer", "tenant", "route", "model", "tags", "calls", "spent", "avoided", "saved",
];

/// Number of columns of names.
const NAMES: usize = 5;

// === impl LedgerTotals ===

impl fmt::Display for LedgerTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls_made,
            spent,
            calls_avoided,
            saved,
        } = self;
        write!(
            f,
            "calls made: {calls_made} ({spent}), avoided: {calls_avoided} ({saved})"
        )
    }
}

// === impl Line ===

impl Line {
    fn cells(&self) -> [String; 9] {
        let name = |name: &str| if name.is_empty() { "-" } else { name }.to_owned();
        [
            self.layer.to_owned(),
            name(&self.tenant),
            name(&self.route),
            name(&self.model),
            name(&self.tags.to_string()),
            self.calls_made.to_string(),
            self.spent.to_string(),
            self.calls_avoided.to_string(),
            self.saved.to_string(),
        ]
    }
}

// === impl Ledger ===

impl fmt::Display for Ledger {
    /// Writes a table of the lines, and the totals below it. Control characters in names are
    /// escaped: a tenant may have chosen its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![TITLES.map(str::to_owned)];
        let lines = self.lines();
        let is_shown = |column: usize| match TITLES[column] {
            "model" => lines.iter().any(|line| !line.model.is_empty()),
            "tags" => lines.iter().any(|line| !line.tags.is_empty()),
            _ => true,
        };
        rows.extend(
            lines
                .iter()
                .map(|line| line.cells().map(|cell| cell.escape_debug().to_string())),
        );
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; TITLES.len()] =
            std::array::from_fn(|column| width(column).unwrap_or(0));
        for row in &rows {
            let cells = row.iter().zip(widths).enumerate();
            let cells = cells.filter(|(column, _)| is_shown(*column));
            let cells = cells.map(|(column, (cell, width))| match column {
                // Names begin on the left, numbers end on the right.
                0..NAMES => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        fmt::Display::fmt(&self.totals(), f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Ledger {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut ledger = serializer.serialize_struct("Ledger", 2)?;
        ledger.serialize_field("lines", &self.lines())?;
        ledger.serialize_field("totals", &self.totals())?;
        ledger.end()
    }
}
