//! A reconciliation as text.

use std::fmt;

use scrimp_core::Totals;

use super::{Comparison, Reconciliation};

const TITLES: [&str; 6] = ["day", "model", "", "ledger", "provider", "difference"];

// === impl Reconciliation ===

impl fmt::Display for Reconciliation {
    /// Writes a table of what differs, with the reasons below each, and the notes. Control characters in names are
    /// escaped: callers may choose them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.days.iter().chain(&self.models);
        let (same, differing): (Vec<_>, Vec<_>) = all.partition(|one| one.reasons.is_empty());
        let mut rows = vec![TITLES.map(str::to_owned)];
        let mut ends = Vec::new();
        for one in &differing {
            rows.extend(one.rows());
            ends.push((rows.len(), *one));
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; 6] = std::array::from_fn(|column| width(column).unwrap_or(0));
        if differing.is_empty() {
            rows.clear();
        }
        for (index, row) in (1..).zip(&rows) {
            let cells = row.iter().zip(widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| match column {
                0..=2 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
            for (_, one) in ends.iter().filter(|(end, _)| *end == index) {
                for reason in &one.reasons {
                    writeln!(f, "  perhaps {reason}")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        let (agree, differ) = (same.len(), differing.len());
        write!(
            f,
            "{agree} of {} days and models agree, {differ} differ",
            agree + differ
        )
    }
}

// === impl Comparison ===

impl Comparison {
    /// Returns a row for each amount that both sides say, of which the first has the names.
    fn rows(&self) -> Vec<[String; 6]> {
        let (ours, theirs) = (&self.ledger, &self.provider);
        let counts = [
            ("requests", ours.requests, theirs.requests),
            ("tokens in", ours.tokens_in, theirs.tokens_in),
            ("tokens out", ours.tokens_out, theirs.tokens_out),
        ];
        let mut rows = Vec::new();
        for (name, ours, theirs) in counts {
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                let apart = i128::from(ours) - i128::from(theirs);
                let cells = [ours.to_string(), theirs.to_string(), format!("{apart:+}")];
                rows.push((name, cells));
            }
        }
        if let (Some(ours), Some(theirs)) = (&ours.cost, &theirs.cost) {
            let cells = [
                ours.to_string(),
                theirs.to_string(),
                apart(ours, theirs).to_string(),
            ];
            rows.push(("cost", cells));
        }
        let model = self.model.as_deref().unwrap_or("(all)");
        let model = model.escape_debug().to_string();
        let rows = rows.into_iter().enumerate();
        let rows = rows.map(|(index, (name, [ours, theirs, apart]))| {
            let names = match index {
                0 => [self.day.clone(), model.clone()],
                _ => [String::new(), String::new()],
            };
            let [day, model] = names;
            [day, model, name.to_owned(), ours, theirs, apart]
        });
        rows.collect()
    }
}

fn apart(ours: &Totals, theirs: &Totals) -> Totals {
    let mut apart = ours.clone();
    for amount in theirs.iter() {
        let negative = amount.pico().saturating_neg();
        apart.add(scrimp_core::Money::from_pico(negative, amount.currency()));
    }
    apart
}
