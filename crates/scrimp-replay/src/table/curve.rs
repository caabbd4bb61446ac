//! The hit rate by memory, as bars.

use std::fmt;

use super::Table;
use scrimp_demo::support::format::percent;

/// Characters of the longest bar.
const BAR: u32 = 32;

// === impl Table ===

impl Table<'_> {
    pub(super) fn curve(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(curve) = self
            .report
            .curve
            .as_ref()
            .filter(|curve| curve.unlimited > 0.0)
        else {
            return Ok(());
        };
        let head = format!("\n{:<10}  hit rate", "memory");
        writeln!(f, "{}", self.bold(&head))?;
        for (size, rate, is_knee) in curve.rows() {
            let bar = bar(rate / curve.unlimited);
            let mark = if is_knee { " ◂ knee" } else { "" };
            let line = format!("{size:<10}  {:>8}  {bar}{mark}", percent(rate));
            let line = if is_knee { self.good(&line) } else { line };
            writeln!(f, "{line}")?;
        }
        if let Some(text) = curve.explained() {
            writeln!(f, "{text}")?;
        }
        writeln!(f, "Simulated {}.", curve.basis())
    }
}

/// Returns a bar for a part of the whole, in eighths of a character.
fn bar(part: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between zero and the length of the bar"
    )]
    let eighths = (part.clamp(0.0, 1.0) * f64::from(BAR * 8)).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    let parts = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    bar.extend((eighths % 8).checked_sub(1).map(|at| parts[at]));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_part() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(0.5).chars().count(), 16);
        assert_eq!(bar(1.7).chars().count(), 32);
        assert_eq!(bar(1.0 / 256.0), "▏");
    }
}
