//! Arguments of `scrimp reconcile` and `scrimp focus`, and their runs.

use std::{
    fs::{self, File},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use scrimp_focus::{
    FocusExport, LedgerRow, Matching, ProviderExport, Reconciliation, Savings, read_rows,
};

use crate::error::{Error, Result};

pub(super) const RECONCILE_HELP: &str = "\
LEDGER is a file of JSON lines that a Cutter of scrimp-focus has written, or a folder of them. EXPORT is
what the provider says: the JSON of OpenAI (/v1/organization/usage/completions, /v1/organization/costs) or
Anthropic (/v1/organizations/usage_report/messages, /v1/organizations/cost_report), by day and model, or CSV
with the columns day, model, requests, input_tokens, output_tokens, cost and currency, as far as known.

Exit code 1: something differs beyond the tolerance.

Examples:
  scrimp reconcile periods/ usage.json costs.json
  scrimp reconcile periods/ invoice.csv --tolerance 0.5 --alias small=gpt-4o-mini --json";

pub(super) const FOCUS_HELP: &str = "\
Writes CSV in the FOCUS format of the FinOps Foundation, version 1.2. Avoided cost is in columns of its own
(x_ScrimpAvoidedCost); with --savings credits also as pairs of a usage and a credit that add up to zero.

Examples:
  scrimp focus periods/ --provider OpenAI > focus.csv
  scrimp focus periods/2026-11.jsonl --provider OpenAI --provider-of claude-sonnet-4=Anthropic -o focus.csv";

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// Charge periods of a ledger: a file of JSON lines, or a folder of them
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// What the provider says: usage, costs, or both
    #[arg(value_name = "EXPORT", required = true)]
    exports: Vec<PathBuf>,
    /// The provider's name for a model of the ledger
    #[arg(long, value_name = "MODEL=NAME", value_parser = pair)]
    alias: Vec<(String, String)>,
    /// Difference that does not count, in percent, to a tenth
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = permille)]
    tolerance: u16,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct FocusArgs {
    /// Charge periods of a ledger: a file of JSON lines, or a folder of them
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// Provider that is called, as its invoices name it
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// Provider of one model
    #[arg(long, value_name = "MODEL=NAME", value_parser = pair)]
    provider_of: Vec<(String, String)>,
    /// Account that the provider bills [default: the provider's name]
    #[arg(long, value_name = "ID")]
    billing_account: Option<String>,
    /// How to show avoided cost
    #[arg(long, value_enum, default_value_t = Shown::Columns)]
    savings: Shown,
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shown {
    Columns,
    Credits,
}

// === impl ReconcileArgs ===

impl ReconcileArgs {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let rows = rows(&self.ledger)?;
        let mut export = ProviderExport::default();
        for path in &self.exports {
            let text = fs::read_to_string(path).map_err(|error| cannot_read(path, error))?;
            let part = ProviderExport::read(&text);
            export.extend(part.map_err(|error| wrong(path, &error))?);
        }
        let matching = Matching::new().tolerance(self.tolerance);
        let aliases = self.alias.iter();
        let matching = aliases.fold(matching, |matching, (ours, theirs)| {
            matching.alias(ours, theirs)
        });
        let reconciliation = Reconciliation::compare_with(&rows, &export, &matching);
        super::print(&if self.json {
            let json = serde_json::to_string(&reconciliation);
            json.map_err(|error| Error::new(error.to_string()))? + "\n"
        } else {
            format!("{reconciliation}\n")
        })?;
        Ok(match reconciliation.is_settled() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

// === impl FocusArgs ===

impl FocusArgs {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let rows = rows(&self.ledger)?;
        let mut export = FocusExport::new(&self.provider).savings(match self.savings {
            Shown::Columns => Savings::Columns,
            Shown::Credits => Savings::Credits,
        });
        for (model, provider) in &self.provider_of {
            export = export.provider_of(model, provider);
        }
        if let Some(id) = &self.billing_account {
            export = export.billing_account(id);
        }
        let out: Box<dyn Write> = match &self.output {
            Some(path) => Box::new(super::create(path)?),
            None => Box::new(io::stdout().lock()),
        };
        let written = export.write(&rows, out);
        written.map_err(|error| Error::io("cannot write the export", error))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(path: &Path) -> Result<Vec<LedgerRow>> {
    if !path.is_dir() {
        return file_rows(path);
    }
    let entries = fs::read_dir(path).map_err(|error| cannot_read(path, error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| cannot_read(path, error))?.path();
        if file.extension().is_some_and(|end| end == "jsonl") {
            paths.push(file);
        }
    }
    paths.sort();
    let mut rows = Vec::new();
    for path in paths {
        rows.extend(file_rows(&path)?);
    }
    Ok(rows)
}

fn file_rows(path: &Path) -> Result<Vec<LedgerRow>> {
    let file = File::open(path).map_err(|error| cannot_read(path, error))?;
    read_rows(BufReader::new(file)).map_err(|error| wrong(path, &error))
}

fn cannot_read(path: &Path, error: io::Error) -> Error {
    Error::io(format!("cannot read {}", path.display()), error)
}

fn wrong(path: &Path, error: &scrimp_focus::FinanceError) -> Error {
    Error::new(format!("{}: {error}", path.display()))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text
        .split_once('=')
        .filter(|(model, name)| !model.is_empty() && !name.is_empty());
    let (model, name) = pair.ok_or("write MODEL=NAME")?;
    Ok((model.to_owned(), name.to_owned()))
}

/// Reads percent with at most one decimal, without floats.
fn permille(text: &str) -> Result<u16, String> {
    let text = text.strip_suffix('%').unwrap_or(text);
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let permille = match digits(whole) && digits(tenth) && tenth.len() == 1 {
        true => format!("{whole}{tenth}").parse().ok(),
        false => None,
    };
    let permille = permille.filter(|permille| *permille <= 1_000);
    permille.ok_or_else(|| "write percent from 0 to 100, to a tenth".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{pair, permille};

    #[test]
    fn percent_are_read_to_a_tenth() {
        for (text, value) in [
            ("0", 0),
            ("1", 10),
            ("0.5", 5),
            ("2.5%", 25),
            ("100", 1_000),
        ] {
            assert_eq!(permille(text), Ok(value), "{text}");
        }
        for text in ["", "100.1", "-1", "1.25", "1.", "x"] {
            assert!(permille(text).is_err(), "{text}");
        }
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }
}
