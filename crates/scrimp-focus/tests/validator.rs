//! The export, checked by the validator of the FinOps Foundation.
//!
//! `scripts/focus.sh` installs it. Without it the test says so and passes.

mod common;

use std::{fs, path::Path, process::Command};

use common::{fill, time};
use scrimp_core::Ledger;
use scrimp_focus::{ChargePeriod, FocusExport, Savings, rows_between};

/// Columns that this export supports, in the validator's words. Without price lists, as a ledger knows no unit prices.
const SUPPORTED: &str = "ACCOUNT_NAMING_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED,\
    MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED,SUB_ACCOUNT_SUPPORTED,TAGGING_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED";

/// Rules of which one is to fail: a charge is on an invoice or on none, and the validator asks for both.
const EITHER: [&str; 2] = ["InvoiceId-C-004-C", "InvoiceId-C-005-C"];

/// Returns the numbers of rules that pass and that are skipped, and those that fail.
fn validate(python: &Path, file: &Path) -> (usize, usize, Vec<String>) {
    // The validator looks for its own files in the current folder.
    let folder = Command::new(python)
        .args([
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'), end='')",
        ])
        .output()
        .expect("python");
    let folder = String::from_utf8(folder.stdout).expect("a path");
    let output = Command::new(python)
        .args([
            "-m",
            "focus_validator.main",
            "--block-download",
            "--validate-version",
            "1.2",
        ])
        .args([
            "--focus-dataset",
            "CostAndUsage",
            "--applicability-criteria",
            SUPPORTED,
        ])
        .arg("--data-file")
        .arg(file)
        .current_dir(folder)
        .output()
        .expect("the validator");
    // It ends with code 0 whatever it finds.
    let said = String::from_utf8_lossy(&output.stdout);
    let rules = said
        .lines()
        .take_while(|line| !line.contains("--- Failures"));
    let rules: Vec<_> = rules.collect();
    let count = |verdict: &str| rules.iter().filter(|rule| rule.contains(verdict)).count();
    let failed = rules.iter().filter(|rule| rule.contains(": FAIL"));
    let failed = failed.map(|rule| (*rule).to_owned()).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(count(": PASS") > 0, "{said}{errors}");
    (count(": PASS"), count(": SKIP"), failed)
}

#[test]
fn the_export_conforms_to_focus() {
    let Some(python) = std::env::var_os("SCRIMP_FOCUS_VALIDATOR") else {
        println!(
            "skipped: SCRIMP_FOCUS_VALIDATOR does not name a Python with focus-validator; see scripts/focus.sh"
        );
        return;
    };
    let ledger = Ledger::new();
    fill(&ledger);
    let period = ChargePeriod::new(time("2026-11-29T00:00:00Z"), time("2026-11-30T00:00:00Z"));
    let rows = rows_between(&[], &ledger.lines(), period.expect("a day"));
    let folder = tempfile::tempdir().expect("a folder");
    for (savings, invoice) in [
        (Savings::Columns, ""),
        (Savings::Credits, ""),
        (Savings::Columns, "in-7"),
    ] {
        let path = folder.path().join("focus.csv");
        let file = fs::File::create(&path).expect("a file");
        let export = FocusExport::new("OpenAI").savings(savings).invoice(invoice);
        export.write(&rows, file).expect("an export");
        let (passed, skipped, failed) = validate(Path::new(&python), &path);
        println!(
            "checked {savings:?}, invoice {invoice:?}: {passed} rules pass, {skipped} do not apply"
        );
        let wrong = failed
            .iter()
            .filter(|rule| !EITHER.iter().any(|one| rule.contains(one)));
        let wrong: Vec<_> = wrong.collect();
        assert!(
            wrong.is_empty() && failed.len() == 1 && passed > 150,
            "{passed}: {failed:#?}"
        );
    }
    // The check itself notices what is wrong.
    let path = folder.path().join("wrong.csv");
    let text = fs::read_to_string(folder.path().join("focus.csv")).expect("a file");
    fs::write(&path, text.replace(",Usage,", ",Rebate,")).expect("a file");
    let (_, _, failed) = validate(Path::new(&python), &path);
    assert!(
        failed.iter().any(|rule| rule.contains("ChargeCategory")),
        "{failed:#?}"
    );
}
