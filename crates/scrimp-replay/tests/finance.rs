//! `scrimp reconcile` and `scrimp focus`.

mod common;

use std::fs;

use common::scrimp;
use serde_json::Value;

const ROW: &str = r#"{"period":["2026-11-30T00:00:00Z","2026-12-01T00:00:00Z"],"layer":"cost-route","tenant":"acme","route":"chat","model":"small","tags":{"team":"search"},"calls":2,"spent":"0.06 USD","calls_avoided":1,"saved":"0.03 USD","tokens_in":1000,"tokens_out":500}"#;

/// Writes a file, and returns its path.
fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_ledger_and_an_export_that_agree_end_with_code_0() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = file(&folder, "a.jsonl", ROW);
    let export = file(
        &folder,
        "export.csv",
        "day,model,requests,cost\n2026-11-30,tiny,2,0.0603\n",
    );
    let run = scrimp(
        &[
            "reconcile",
            &ledger,
            &export,
            "--alias",
            "small=tiny",
            "--tolerance",
            "0.5",
        ],
        b"",
    );
    assert_eq!((run.code, &*run.err), (0, ""), "{}", run.out);
    assert_eq!(run.out, "2 of 2 days and models agree, 0 differ\n");
}

#[test]
fn differences_end_with_code_1_and_have_reasons() {
    let folder = tempfile::tempdir().unwrap();
    file(&folder, "a.jsonl", ROW);
    file(&folder, "b.jsonl", ROW);
    let export = file(
        &folder,
        "export.csv",
        "day,model,requests,cost\n2026-11-30,small,2,0.06\n",
    );
    let path = folder.path().to_str().unwrap();
    let run = scrimp(&["reconcile", path, &export], b"");
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(
        run.out
            .contains("perhaps the provider does not bill all calls"),
        "{}",
        run.out
    );
    let run = scrimp(&["reconcile", path, &export, "--json"], b"");
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (run.code, &json["models"][0]["ledger"]["requests"]),
        (1, &4.into())
    );
    assert_eq!(json["models"][0]["reasons"][0], "unbilled-calls");
}

#[test]
fn a_file_that_is_no_export_ends_with_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = file(&folder, "a.jsonl", ROW);
    let run = scrimp(&["reconcile", &ledger, &ledger], b"");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("a.jsonl: page 1"), "{}", run.err);
    assert_eq!(scrimp(&["reconcile", "nowhere", &ledger], b"").code, 2);
}

#[test]
fn the_focus_format_is_written_with_credits_that_cancel() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = file(&folder, "a.jsonl", ROW);
    let run = scrimp(&["focus", &ledger, "--provider", "OpenAI"], b"");
    assert_eq!((run.code, run.out.lines().count()), (0, 2), "{}", run.err);
    assert!(
        run.out.starts_with("BilledCost,") && run.out.contains("\n0.06,OpenAI,"),
        "{}",
        run.out
    );
    let out = folder.path().join("focus.csv");
    let path = out.to_str().unwrap();
    let run = scrimp(
        &[
            "focus",
            &ledger,
            "--provider",
            "OpenAI",
            "--savings",
            "credits",
            "-o",
            path,
        ],
        b"",
    );
    assert_eq!((run.code, &*run.out), (0, ""), "{}", run.err);
    let csv = fs::read_to_string(out).unwrap();
    let costs: Vec<_> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(costs, ["0.06", "0.03", "-0.03"]);
}
