//! A ledger beside the exports that providers document.

mod common;

use common::{money, time};
use scrimp_core::{Currency, Ledger, Totals};
use scrimp_focus::{
    ChargePeriod, LedgerRow, Matching, ProbableReason, ProviderExport, Reconciliation, rows_between,
};

const OPENAI_USAGE: &str = include_str!("fixtures/openai-usage.json");
const OPENAI_COSTS: &str = include_str!("fixtures/openai-costs.json");
const ANTHROPIC_USAGE: &str = include_str!("fixtures/anthropic-usage.json");
const ANTHROPIC_COSTS: &str = include_str!("fixtures/anthropic-costs.json");

/// Returns the rows of a day with calls of one model.
fn rows(day: &str, model: &str, (calls, tokens, cost): (u64, [u64; 2], &str)) -> Vec<LedgerRow> {
    let ledger = Ledger::new();
    let account = ledger.account("cost-route", "acme", "chat", Currency::USD);
    let account = account.with_model(model);
    (1..calls).for_each(|_| account.made(money("0")));
    account.made(money(cost));
    account.used(tokens[0], tokens[1]);
    account.avoided(money("1000"));
    let start = time(&format!("{day}T00:00:00Z"));
    let end = start + std::time::Duration::from_secs(86_400);
    let period = ChargePeriod::new(start, end).expect("a day");
    rows_between(&[], &ledger.lines(), period)
}

fn read(text: &str) -> ProviderExport {
    ProviderExport::read(text).expect("an export")
}

fn reasons(rows: &[LedgerRow], export: &ProviderExport) -> Vec<ProbableReason> {
    let reconciliation = Reconciliation::compare(rows, export);
    let all = reconciliation.days.iter().chain(&reconciliation.models);
    let mut reasons: Vec<_> = all.flat_map(|one| one.reasons.clone()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

#[test]
fn the_samples_of_openai_are_read() {
    let mut export = read(OPENAI_USAGE);
    export.extend(read(OPENAI_COSTS));
    let [usage, cost] = export.rows() else {
        panic!("{:?}", export.rows());
    };
    assert_eq!(
        (&*usage.day, usage.model.as_deref()),
        ("2024-11-01", Some("gpt-4o-mini-2024-07-18"))
    );
    let tokens = (usage.requests, usage.tokens_in, usage.tokens_out);
    assert_eq!(tokens, (Some(5), Some(5_000), Some(1_000)));
    assert_eq!((&cost.model, cost.cost), (&None, Some(money("0.06"))));
    assert!(!export.is_cut_short());
    let ours = rows("2024-11-01", "gpt-4o-mini", (5, [5_000, 1_000], "0.06"));
    let reconciliation = Reconciliation::compare(&ours, &export);
    assert!(reconciliation.is_settled(), "{reconciliation}");
    assert_eq!(
        (reconciliation.days.len(), reconciliation.models.len()),
        (1, 1)
    );
}

#[test]
fn the_samples_of_anthropic_are_read() {
    let mut export = read(ANTHROPIC_USAGE);
    export.extend(read(ANTHROPIC_COSTS));
    let [usage, cost] = export.rows() else {
        panic!("{:?}", export.rows());
    };
    // 1,500 uncached, 200 read from the cache, 1,500 written to it.
    assert_eq!(
        (usage.tokens_in, usage.tokens_out),
        (Some(3_200), Some(500))
    );
    // In cents.
    assert_eq!(cost.cost, Some(money("1.2378912")));
    assert_eq!(
        (&*cost.day, cost.model.as_deref()),
        ("2025-08-01", Some("claude-sonnet-4-20250514"))
    );
    let ours = rows(
        "2025-08-01",
        "claude-sonnet-4",
        (7, [3_200, 500], "1.2378912"),
    );
    let reconciliation = Reconciliation::compare(&ours, &export);
    assert!(reconciliation.is_settled(), "{reconciliation}");
    assert_eq!(
        reconciliation.notes,
        ["the export has more pages than were given"]
    );
}

#[test]
fn a_pico_dollar_is_a_difference_and_a_tolerance_forgives_it() {
    let ours = rows("2024-11-01", "small", (5, [5, 1], "0.060000000001"));
    let export = read("day,model,requests,cost\n2024-11-01,small,5,0.06\n");
    assert_eq!(reasons(&ours, &export), [ProbableReason::PriceDiffers]);
    let matching = Matching::new().tolerance(1);
    assert!(Reconciliation::compare_with(&ours, &export, &matching).is_settled());
}

#[test]
fn each_difference_has_its_probable_reason() {
    let ours = || rows("2024-11-01", "small", (5, [5_000, 1_000], "0.06"));
    let header = "day,model,requests,input_tokens,output_tokens,cost\n";
    let export = |line: &str| read(&format!("{header}2024-11-01,{line}\n"));
    for (line, expected) in [
        ("small,5,5000,1000,0.06", &[][..]),
        ("small,6,6000,1200,0.07", &[ProbableReason::MissingCalls]),
        ("small,4,4000,800,0.05", &[ProbableReason::UnbilledCalls]),
        ("small,5,5000,1100,0.065", &[ProbableReason::CutStreams]),
        ("small,5,4900,1000,0.059", &[ProbableReason::Estimated]),
        ("small,5,5000,900,0.055", &[ProbableReason::Estimated]),
        ("small,5,5000,1000,0.09", &[ProbableReason::PriceDiffers]),
        ("small,,6000,1200,0.07", &[ProbableReason::MissingCalls]),
        ("small,,5000,1100,0.07", &[ProbableReason::CutStreams]),
        (
            "small,,,,0.07",
            &[ProbableReason::MissingCalls, ProbableReason::PriceDiffers],
        ),
        ("small,,,,0.05", &[ProbableReason::PriceDiffers]),
    ] {
        assert_eq!(reasons(&ours(), &export(line)), expected, "{line}");
    }
    let unknown = rows("2024-11-01", "small", (5, [0, 0], "0.06"));
    let found = reasons(&unknown, &export("small,5,5000,1000,0.06"));
    assert_eq!(found, [ProbableReason::UsageUnknown]);
    let none = reasons(&[], &export("small,5,5000,1000,0.06"));
    assert_eq!(none, [ProbableReason::OtherUse]);
    let other = "day,model,cost\n2024-11-02,small,1\n";
    assert_eq!(
        reasons(&ours(), &read(other)),
        [ProbableReason::OtherUse, ProbableReason::NotInExport]
    );
}

#[test]
fn models_are_compared_apart_and_their_names_may_differ() {
    let mut ours = rows("2024-11-01", "small", (1, [1, 1], "1"));
    ours.extend(rows("2024-11-01", "large", (1, [1, 1], "2")));
    let export = read("day,model,cost\n2024-11-01,tiny:free,1\n2024-11-01,large-20241101,3\n");
    let matching = Matching::new().alias("small", "tiny:free");
    let reconciliation = Reconciliation::compare_with(&ours, &export, &matching);
    let models = reconciliation.models.iter();
    let models: Vec<_> = models
        .map(|one| (one.model.as_deref(), one.reasons.is_empty()))
        .collect();
    assert_eq!(models, [(Some("large"), false), (Some("small"), true)]);
    let text = reconciliation.to_string();
    assert!(
        text.contains("-$1.00") && text.ends_with("1 of 3 days and models agree, 2 differ"),
        "{text}"
    );
    let json = serde_json::to_value(&reconciliation).expect("JSON");
    assert_eq!(json["models"][0]["provider"]["cost"][0], "3.00 USD");
    assert_eq!(json["days"][0]["reasons"][0], "missing-calls");
}

#[test]
fn a_file_in_the_focus_format_is_an_export() {
    let ours = rows("2026-11-30", "small", (2, [10, 20], "0.123456789012"));
    let mut file = Vec::new();
    scrimp_focus::FocusExport::new("API")
        .write(&ours, &mut file)
        .expect("memory");
    let export = read(&String::from_utf8(file).expect("text"));
    assert_eq!(export.rows()[0].cost, Some(money("0.123456789012")));
    let reconciliation = Reconciliation::compare(&ours, &export);
    assert!(reconciliation.is_settled(), "{reconciliation}");
}

#[test]
fn floats_of_providers_are_read_as_decimals() {
    let text = OPENAI_COSTS.replace("0.06", "0.13080438340307526");
    let cost: Totals = read(&text)
        .rows()
        .iter()
        .filter_map(|row| row.cost)
        .collect();
    assert_eq!(cost.to_string(), "$0.130804383403");
}

#[test]
fn what_is_no_export_is_refused_with_the_reason() {
    for (text, reason) in [
        ("", "column `day`"),
        ("a,b\n1,2\n", "column `day`"),
        ("day,cost\n2026-13-01,1\n", "not a day"),
        ("day,cost\n2026-11-30,1e99\n", "not a number"),
        (
            "day,cost,currency\n2026-11-30,1,dollars\n",
            "not a currency",
        ),
        ("day,requests\n2026-11-30,-1\n", "not a count"),
        ("{\"data\":1}", "page 1"),
        (
            "{\"data\":[{\"starting_at\":\"2025-08-01T00:00:00Z\",\"results\":[{}]}]}",
            "neither",
        ),
        (
            "{\"data\":[{\"object\":\"bucket\",\"start_time\":0,\"results\":[{\"object\":\"x\"}]}]}",
            "no kind",
        ),
    ] {
        let error = ProviderExport::read(text).expect_err(text);
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn pages_stand_one_after_the_other() {
    let first = OPENAI_USAGE.replace("\"has_more\": false", "\"has_more\": true");
    let export = read(&format!("{first}{OPENAI_USAGE}"));
    assert_eq!((export.rows().len(), export.is_cut_short()), (2, false));
}
