//! Charge periods: each amount once, whatever fails.

mod common;

use std::{collections::BTreeMap, fs, io::BufReader, path::Path};

use common::{fill, money, time};
use proptest::prelude::*;
use scrimp_core::{Currency, Ledger, Totals};
use scrimp_focus::{Cutter, LedgerRow, read_rows};

fn all_rows(folder: &Path) -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            let file = BufReader::new(fs::File::open(path).expect("a file"));
            rows.extend(read_rows(file).expect("rows"));
        }
    }
    rows
}

fn spent(rows: &[LedgerRow]) -> Totals {
    rows.iter().map(|row| row.spent).collect()
}

fn minute(minute: u32) -> std::time::SystemTime {
    time(&format!("2026-11-30T00:{minute:02}:00Z"))
}

#[test]
fn a_period_has_what_came_since_the_last_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::new();
    let mut cutter = Cutter::open(&ledger, folder.path(), "a", minute(0)).expect("a cutter");
    fill(&ledger);
    let first = cutter.cut(minute(1)).expect("a file").expect("a period");
    assert_eq!(spent(&first.rows), ledger.totals().spent);
    ledger
        .account("cache", "acme", "chat", Currency::USD)
        .made(money("1"));
    let second = cutter.cut(minute(2)).expect("a file").expect("a period");
    assert_eq!(spent(&second.rows).to_string(), "$1.00");
    let third = cutter.cut(minute(3)).expect("a file").expect("a period");
    assert!(third.rows.is_empty() && third.path.exists());
    assert_eq!(first.period.end(), second.period.start());
    let mut both = first.rows;
    both.extend(second.rows);
    let order = |row: &LedgerRow| serde_json::to_string(row).expect("JSON");
    both.sort_by_key(order);
    let mut read = all_rows(folder.path());
    read.sort_by_key(order);
    assert_eq!(read, both);
}

#[test]
fn a_period_that_could_not_be_written_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::new();
    let mut cutter = Cutter::open(&ledger, folder.path(), "a", minute(0)).expect("a cutter");
    let account = ledger.account("cache", "", "", Currency::USD);
    account.made(money("1"));
    // Another process of the same name has written this very period.
    let taken = folder
        .path()
        .join("a-20261130T000000Z-20261130T000100Z.jsonl");
    fs::write(&taken, "").expect("a file");
    assert!(cutter.cut(minute(1)).is_err());
    account.made(money("2"));
    let cut = cutter.cut(minute(2)).expect("a file").expect("a period");
    assert_eq!(spent(&cut.rows).to_string(), "$3.00");
    assert_eq!(cut.period.start(), minute(0));
    assert_eq!(spent(&all_rows(folder.path())).to_string(), "$3.00");
}

#[test]
fn a_process_that_starts_again_books_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |start: u32, amount: &str| {
        let ledger = Ledger::new();
        let mut cutter =
            Cutter::open(&ledger, folder.path(), "a", minute(start)).expect("a cutter");
        let account = ledger.account("cache", "", "", Currency::USD);
        account.made(money(amount));
        cutter.cut(minute(start + 1)).expect("a file");
        // Lost with the process.
        account.made(money("100"));
    };
    run(0, "1");
    // What a killed process leaves of a file, and of another source's.
    fs::write(folder.path().join(".unfinished-a=Xy12"), "{\"period\":").expect("a file");
    fs::write(folder.path().join(".unfinished-a-b=Xy12"), "").expect("a file");
    run(2, "2");
    assert_eq!(spent(&all_rows(folder.path())).to_string(), "$3.00");
    assert!(!folder.path().join(".unfinished-a=Xy12").exists());
    assert!(folder.path().join(".unfinished-a-b=Xy12").exists());
}

#[test]
fn a_clock_that_stands_or_goes_back_ends_no_period() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::new();
    let mut cutter = Cutter::open(&ledger, folder.path(), "a", minute(5)).expect("a cutter");
    ledger
        .account("cache", "", "", Currency::USD)
        .made(money("1"));
    assert!(cutter.cut(minute(5)).expect("no file").is_none());
    assert!(cutter.cut(minute(4)).expect("no file").is_none());
    let cut = cutter.cut(minute(6)).expect("a file").expect("a period");
    assert_eq!(spent(&cut.rows).to_string(), "$1.00");
}

#[test]
fn a_cut_is_due_when_a_day_has_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let cutter = Cutter::open(&Ledger::new(), folder.path(), "a", minute(5)).expect("a cutter");
    assert!(!cutter.is_due(time("2026-11-30T23:59:59.9Z")));
    assert!(cutter.is_due(time("2026-12-01T00:00:00Z")));
    assert!(!cutter.is_due(time("2026-11-29T00:00:00Z")));
}

#[test]
fn a_source_is_a_plain_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for source in ["", "../x", "a b", "ü", &"x".repeat(101)] {
        let opened = Cutter::open(&Ledger::new(), folder.path(), source, minute(0));
        assert!(opened.is_err(), "{source}");
    }
}

#[test]
fn a_line_that_is_no_row_is_named() {
    let error = read_rows(&b"\n{\"period\":1}\n"[..]).expect_err("no row");
    assert!(error.to_string().starts_with("line 2: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn periods_add_up_to_the_ledger_exactly(
        steps in prop::collection::vec((0..3_u8, 0..3_u8, -(1_i128 << 80)..1_i128 << 80), 0..30),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::new();
        let mut cutter = Cutter::open(&ledger, folder.path(), "a", minute(0)).expect("a cutter");
        let mut next = 1;
        for (tenant, kind, amount) in steps {
            let account = ledger.account("cache", &tenant.to_string(), "", Currency::USD);
            let amount = scrimp_core::Money::from_pico(amount, Currency::USD);
            match kind {
                0 => account.made(amount),
                1 => account.avoided(amount),
                _ => {
                    cutter.cut(minute(next)).expect("a file");
                    next += 1;
                }
            }
        }
        cutter.cut(minute(next)).expect("a file");
        let rows = all_rows(folder.path());
        let totals = ledger.totals();
        prop_assert_eq!(spent(&rows), totals.spent);
        let saved: Totals = rows.iter().map(|row| row.saved).collect();
        prop_assert_eq!(saved, totals.saved);
        prop_assert_eq!(rows.iter().map(|row| row.calls).sum::<u64>(), totals.calls_made);
        let mut tenants = BTreeMap::<_, Totals>::new();
        rows.iter().for_each(|row| tenants.entry(row.tenant.clone()).or_default().add(row.spent));
        for (tenant, part) in ledger.totals_by(scrimp_core::Dimension::Tenant) {
            let own = tenants.get(&*tenant).cloned().unwrap_or_default();
            prop_assert_eq!(own, part.spent);
        }
    }
}
