//! Results, as a table and as JSON lines.

use serde::Serialize;

/// One figure.
#[derive(Serialize)]
struct Figure {
    bench: &'static str,
    subject: String,
    metric: &'static str,
    value: f64,
    unit: &'static str,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

// === impl Report ===

impl Report {
    pub(crate) fn add(
        &mut self,
        bench: &'static str,
        subject: impl Into<String>,
        metric: &'static str,
        value: f64,
        unit: &'static str,
    ) {
        self.figures.push(Figure {
            bench,
            subject: subject.into(),
            metric,
            value,
            unit,
        });
    }

    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            for figure in &self.figures {
                println!("{}", serde_json::to_string(figure)?);
            }
        } else {
            print!("{}", self.table());
        }
        Ok(())
    }

    /// Writes a line per subject and a column per metric, both in the order of their first figure.
    fn table(&self) -> String {
        let subjects = distinct(self.figures.iter().map(|figure| figure.subject.as_str()));
        let columns = distinct(
            self.figures
                .iter()
                .map(|figure| (figure.metric, figure.unit)),
        );
        let mut lines = vec![header(&columns)];
        for subject in subjects {
            let mut line = vec![subject.to_owned()];
            for (metric, _) in &columns {
                let found = self
                    .figures
                    .iter()
                    .find(|figure| figure.subject == subject && figure.metric == *metric);
                line.push(found.map_or_else(|| "–".to_owned(), |figure| number(figure.value)));
            }
            lines.push(line);
        }
        let width = |column: usize| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
        lines.iter().map(|line| aligned(line, &widths)).collect()
    }
}

fn header(columns: &[(&'static str, &'static str)]) -> Vec<String> {
    let mut line = vec![String::new()];
    line.extend(columns.iter().map(|(metric, unit)| {
        if unit.is_empty() {
            (*metric).to_owned()
        } else {
            format!("{metric} [{unit}]")
        }
    }));
    line
}

/// Aligns names to the left, numbers to the right.
fn aligned(line: &[String], widths: &[usize]) -> String {
    let mut text = format!("{:<width$}", line[0], width = widths[0]);
    for (cell, &width) in line[1..].iter().zip(&widths[1..]) {
        text.push_str(&format!("  {cell:>width$}"));
    }
    text.push('\n');
    text
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut list = Vec::new();
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    list
}

/// Writes three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
