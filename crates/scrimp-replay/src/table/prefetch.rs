//! Prefetches at several values of waiting, and their outcomes as bars.

use std::fmt;

use super::Table;
use crate::{ahead::PrefetchSide, units::ratio};
use scrimp_demo::support::format::count;

/// Characters of the longest bar.
const BAR: usize = 40;

// === impl Table ===

impl Table<'_> {
    /// Writes the results of prefetching, if it was requested.
    pub(super) fn prefetch(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(report) = &self.report.prefetch else {
            return Ok(());
        };
        f.write_str("\n")?;
        let rows = report.rows();
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let last = rows.len() - 1;
        for (number, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (at, cell) in row.iter().enumerate() {
                let width = width(at);
                line += &match at {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                };
            }
            let is_edge = number == 0 || number == last;
            writeln!(f, "{}", if is_edge { self.bold(&line) } else { line })?;
        }
        self.outcomes(f, &report.with)?;
        let facts = report.facts(self.report.requests);
        facts.iter().try_for_each(|fact| writeln!(f, "{fact}"))
    }

    /// Draws the outcomes of the prefetches at each value of waiting.
    fn outcomes(&self, f: &mut fmt::Formatter<'_>, sides: &[PrefetchSide]) -> fmt::Result {
        let most = sides.iter().map(|side| side.prefetches).max().unwrap_or(0);
        if most == 0 {
            return Ok(());
        }
        let head = "\nprefetches  █ useful  ▒ late  ░ wasted";
        writeln!(f, "{}", self.bold(head))?;
        let width = sides.iter().map(|side| side.title().chars().count()).max();
        for side in sides {
            let parts = [
                ("█", side.useful),
                ("▒", side.late),
                ("░", side.wasted + side.failed),
            ];
            let bar: String = parts
                .iter()
                .map(|(sign, number)| sign.repeat(length(*number, most)))
                .collect();
            let (title, width) = (side.title(), width.unwrap_or(0));
            writeln!(f, "{title:<width$}  {bar} {}", count(side.prefetches))?;
        }
        Ok(())
    }
}

/// Returns the length of a part of the longest bar, in characters.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between zero and the length of the bar"
)]
fn length(number: u64, most: u64) -> usize {
    (ratio(number, most) * BAR as f64).round() as usize
}
