//! The outcome as a table for a terminal.

use std::fmt;

use super::outcome::{Line, Outcome, Scenario};
use crate::support::format::{count, elapsed};

/// Highest length of a line of text.
const WIDTH: usize = 92;

/// Shows an [`Outcome`] as aligned tables.
#[derive(Debug, Clone, Copy)]
pub struct DemoTable<'a> {
    outcome: &'a Outcome,
    colour: bool,
}

/// Cells of a line: name, without, goal, with, verdict.
type Row = [String; 5];

// === impl Outcome ===

impl Outcome {
    /// Returns the outcome for a terminal, with or without ANSI colours.
    #[must_use]
    pub fn table(&self, colour: bool) -> DemoTable<'_> {
        DemoTable {
            outcome: self,
            colour,
        }
    }
}

// === impl DemoTable ===

impl DemoTable<'_> {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome {
            seed,
            one_in,
            elapsed: time,
            ..
        } = self.outcome;
        write!(f, "seed {seed}, in virtual time; took {}", elapsed(*time))?;
        if *one_in > 1 {
            write!(f, "; one part in {} of the traffic", count(*one_in))?;
        }
        f.write_str("\n\n")
    }

    /// Writes one table of all scenarios, so that columns are aligned.
    fn scenarios(
        &self,
        f: &mut fmt::Formatter<'_>,
        heads: [&str; 5],
        scenarios: &[Scenario],
    ) -> fmt::Result {
        let head: Row = heads.map(str::to_owned);
        let rows: Vec<Vec<Row>> = scenarios
            .iter()
            .map(|scenario| scenario.lines.iter().map(row).collect())
            .collect();
        let widths = [0, 1, 2, 3, 4].map(|at| {
            let all = rows.iter().flatten().chain([&head]);
            all.map(|row| row[at].chars().count()).max().unwrap_or(0)
        });
        writeln!(f, "{}", self.paint("1", &aligned(&head, widths)))?;
        for (scenario, rows) in scenarios.iter().zip(rows) {
            writeln!(f, "\n{}", self.paint("1", scenario.name))?;
            wrapped(f, &scenario.traffic)?;
            for (line, row) in scenario.lines.iter().zip(rows) {
                let text = aligned(&row, widths);
                let code = match line.is_met() {
                    Some(true) => "32",
                    Some(false) if line.must => "1;31",
                    Some(false) => "33",
                    None => "0",
                };
                writeln!(f, "{}", self.paint(code, &text))?;
            }
            for note in &scenario.notes {
                wrapped(f, note)?;
            }
        }
        Ok(())
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.outcome.wrong();
        if wrong.is_empty() {
            return writeln!(f, "\nAll required goals are met.");
        }
        writeln!(
            f,
            "\n{}",
            self.paint("1;31", "WRONG: required goals that are not met:")
        )?;
        wrong.iter().try_for_each(|what| writeln!(f, "  {what}"))
    }
}

impl fmt::Display for DemoTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        let heads = ["savings", "without", "goal", "measured", ""];
        self.scenarios(f, heads, &self.outcome.scenarios)?;
        f.write_str("\n\n")?;
        let heads = ["failures", "without", "expected", "measured", ""];
        self.scenarios(f, heads, &self.outcome.failures)?;
        self.verdict(f)
    }
}

fn row(line: &Line) -> Row {
    let verdict = match line.is_met() {
        None => "",
        Some(true) => "met",
        Some(false) if line.must => "WRONG",
        Some(false) => "not met",
    };
    [
        format!("  {}", line.what),
        line.without
            .map(|value| value.to_string())
            .unwrap_or_default(),
        line.goal.map(|goal| goal.to_string()).unwrap_or_default(),
        line.with.to_string(),
        verdict.to_owned(),
    ]
}

fn aligned([what, without, goal, with, verdict]: &Row, widths: [usize; 5]) -> String {
    let [first, second, third, fourth, _] = widths;
    let line =
        format!("{what:<first$}  {without:>second$}  {goal:>third$}  {with:>fourth$}  {verdict}");
    line.trim_end().to_owned()
}

/// Breaks a text into lines of a readable length.
fn wrapped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            f.write_str("\n")?;
            width = 0;
        }
        f.write_str(if width == 0 { "  " } else { " " })?;
        f.write_str(word)?;
        width += length + 1;
    }
    f.write_str("\n")
}
