//! The FOCUS format: sums, columns and names.

mod common;

use common::{fill, money, time};
use proptest::prelude::*;
use scrimp_core::{Currency, Ledger, Money, Totals, extensions::CostTags};
use scrimp_focus::{ChargePeriod, FocusExport, LedgerRow, Savings, rows_between};

/// An export that was read back: its columns, and its rows.
struct Table(Vec<String>, Vec<csv::StringRecord>);

impl Table {
    fn of(export: &FocusExport, rows: &[LedgerRow]) -> Self {
        let mut text = Vec::new();
        export.write(rows, &mut text).expect("memory");
        let mut csv = csv::Reader::from_reader(&*text);
        let header = csv.headers().expect("a header");
        let columns = header.iter().map(str::to_owned).collect();
        Self(
            columns,
            csv.records().map(|row| row.expect("a row")).collect(),
        )
    }

    fn cell<'a>(&self, row: &'a csv::StringRecord, column: &str) -> &'a str {
        let place = self.0.iter().position(|name| name == column);
        row.get(place.expect("the column")).expect("the cell")
    }

    fn sum(&self, column: &str, counts: impl Fn(&str) -> bool) -> Totals {
        let rows = self.1.iter();
        let rows = rows.filter(|row| counts(self.cell(row, "ChargeCategory")));
        let amounts = rows.map(|row| {
            let (amount, code) = (self.cell(row, column), self.cell(row, "BillingCurrency"));
            money(&format!("{amount} {code}"))
        });
        amounts.collect()
    }
}

fn november() -> ChargePeriod {
    ChargePeriod::new(time("2026-11-30T00:00:00Z"), time("2026-12-01T00:00:00Z")).expect("a day")
}

fn rows(ledger: &Ledger) -> Vec<LedgerRow> {
    rows_between(&[], &ledger.lines(), november())
}

#[test]
fn billed_cost_is_what_was_spent_and_avoided_cost_is_in_no_sum_of_costs() {
    let ledger = Ledger::new();
    fill(&ledger);
    let table = Table::of(&FocusExport::new("OpenAI"), &rows(&ledger));
    let totals = ledger.totals();
    for column in ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"] {
        assert_eq!(table.sum(column, |_| true), totals.spent, "{column}");
    }
    assert_eq!(table.sum("x_ScrimpAvoidedCost", |_| true), totals.saved);
    let categories = |row| table.cell(row, "ChargeCategory") == "Usage";
    assert!(table.1.iter().all(categories));
}

#[test]
fn credits_take_back_the_usage_that_was_avoided_and_leave_the_sum_as_it_was() {
    let ledger = Ledger::new();
    fill(&ledger);
    let export = FocusExport::new("OpenAI").savings(Savings::Credits);
    let table = Table::of(&export, &rows(&ledger));
    let totals = ledger.totals();
    assert_eq!(table.sum("BilledCost", |_| true), totals.spent);
    let negative = totals
        .saved
        .iter()
        .map(|amount| Money::from_pico(-amount.pico(), amount.currency()));
    let credits = table.sum("BilledCost", |category| category == "Credit");
    assert_eq!(credits, negative.collect());
    let mut without = totals.spent.clone();
    without.extend(totals.saved.iter());
    assert_eq!(
        table.sum("BilledCost", |category| category == "Usage"),
        without
    );
}

#[test]
fn a_row_has_its_tenant_model_route_and_tags() {
    let ledger = Ledger::new();
    fill(&ledger);
    let export = FocusExport::new("OpenAI")
        .provider_of("small", "Anthropic")
        .billing_account("org-1")
        .invoice("in-7")
        .services("Chat", "Quotes");
    let table = Table::of(&export, &rows(&ledger));
    let tagged = |row: &&csv::StringRecord| table.cell(row, "Tags").contains("team");
    let row = table.1.iter().find(tagged).expect("a row with tags");
    let tags: serde_json::Value = serde_json::from_str(table.cell(row, "Tags")).expect("JSON");
    assert_eq!(tags["note"], "a \"quoted\", one");
    assert_eq!(tags["scrimp/route"], "chat");
    for (column, value) in [
        ("SubAccountId", "acme"),
        ("SkuId", "small"),
        ("ProviderName", "Anthropic"),
        ("ServiceCategory", "AI and Machine Learning"),
        ("BillingAccountId", "org-1"),
        ("ServiceName", "Chat"),
        ("InvoiceId", "in-7"),
        ("BillingPeriodStart", "2026-11-01T00:00:00Z"),
        ("BillingPeriodEnd", "2026-12-01T00:00:00Z"),
        ("ChargePeriodEnd", "2026-12-01T00:00:00Z"),
        ("ChargeClass", ""),
    ] {
        assert_eq!(table.cell(row, column), value, "{column}");
    }
    let consumed = |row: &csv::StringRecord| {
        let cells = ["ConsumedQuantity", "ConsumedUnit"].map(|column| table.cell(row, column));
        cells.map(str::to_owned)
    };
    let all: Vec<_> = table.1.iter().map(consumed).collect();
    assert!(
        all.contains(&["1540.0".to_owned(), "Tokens".to_owned()]),
        "{all:?}"
    );
}

#[test]
fn a_name_that_a_spreadsheet_would_run_is_disarmed() {
    let ledger = Ledger::new();
    fill(&ledger);
    let table = Table::of(&FocusExport::new("=cmd()"), &rows(&ledger));
    let starts = |column| {
        let cells = table.1.iter().map(|row| table.cell(row, column));
        cells.filter(|cell| cell.starts_with('\'')).count()
    };
    assert_eq!(
        (starts("SubAccountId"), starts("ProviderName")),
        (1, table.1.len())
    );
}

#[test]
fn tags_of_callers_do_not_replace_those_of_the_ledger() {
    let ledger = Ledger::new();
    let tags = CostTags::new([("scrimp/layer", "forged"), ("scrimp/x", "forged")]);
    let account = ledger.account("cache", "", "/", Currency::USD);
    account.with_tags(&tags).made(money("1"));
    let table = Table::of(&FocusExport::new("API"), &rows(&ledger));
    assert_eq!(
        table.cell(&table.1[0], "Tags"),
        r#"{"scrimp/layer":"cache","scrimp/route":"/"}"#
    );
}

proptest! {
    #[test]
    fn the_sums_of_an_export_are_the_totals_of_its_ledger_exactly(
        bookings in prop::collection::vec(
            (0..4_u8, "[a-z=,\"\n]{0,3}", "[a-z]{0,2}", 0..4_u8, -(1_i128 << 90)..1_i128 << 90),
            0..40,
        ),
        credits: bool,
    ) {
        let ledger = Ledger::new();
        for (layer, tenant, model, kind, amount) in bookings {
            let code = ["USD", "EUR"][usize::from(amount % 3 == 0)];
            let amount = Money::from_pico(amount, Currency::new(code).expect("a code"));
            let layer = ["cache", "coalesce", "batch", "cost-route"][usize::from(layer)];
            let account = ledger.account(layer, &tenant, "", Currency::USD).with_model(&model);
            match kind {
                0 => account.made(amount),
                1 => account.paid(amount),
                2 => account.avoided(amount),
                _ => account.passing().made(amount),
            }
        }
        let savings = if credits { Savings::Credits } else { Savings::Columns };
        let table = Table::of(&FocusExport::new("API").savings(savings), &rows(&ledger));
        let totals = ledger.totals();
        prop_assert_eq!(table.sum("BilledCost", |_| true), totals.spent);
        prop_assert_eq!(table.sum("x_ScrimpAvoidedCost", |_| true), totals.saved);
    }
}
