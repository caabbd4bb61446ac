use super::{name::MAX_ACCOUNTS, total::Total, *};
use crate::extensions::OTHER;

#[test]
fn sums_are_exact_across_the_carry_and_across_threads() {
    let ledger = Ledger::new();
    let account = ledger.account("cache", "", "/", Currency::USD);
    // Just under `LARGE`: 2,100 of them pass the mark and carry.
    let amount = Money::from_pico(Total::LARGE - 1, Currency::USD);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5_000).for_each(|_| account.avoided(amount)));
        }
    });
    account.avoided(Money::from_pico(1 << 90, Currency::USD));
    let line = &ledger.lines()[0];
    assert_eq!(line.calls_avoided, 20_001);
    assert_eq!(line.saved.pico(), 20_000 * (Total::LARGE - 1) + (1 << 90));
}

#[test]
fn lines_are_ordered_by_layer_tenant_route_and_then_currency() {
    let ledger = Ledger::new();
    let names = [
        ("route", "a", "/", "EUR"),
        ("cache", "b", "/", "USD"),
        ("cache", "a", "/y", "EUR"),
        ("cache", "a", "/x", "USD"),
        ("cache", "a", "/x", "EUR"),
        ("cache", "b", "/", "EUR"),
    ];
    for (layer, tenant, route, code) in names {
        let _ = ledger.account(layer, tenant, route, Currency::new(code).unwrap());
    }
    let lines = ledger.lines();
    let order = |line: &Line| {
        let code = line.saved.currency().code().to_owned();
        (line.layer, line.tenant.clone(), line.route.clone(), code)
    };
    let order: Vec<_> = lines.iter().map(order).collect();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(order.len(), names.len());
}

#[test]
fn money_of_another_currency_is_booked_under_that_currency() {
    let ledger = Ledger::new();
    let account = ledger.account("cache", "acme", "/", Currency::USD);
    account.made("1 USD".parse().unwrap());
    account.made("300 JPY".parse().unwrap());
    account.avoided("2 EUR".parse().unwrap());
    account.paid("50 JPY".parse().unwrap());
    assert_eq!(ledger.spent("cache").to_string(), "350.00 JPY + $1.00");
    assert_eq!(ledger.saved().to_string(), "2.00 EUR");
    let count = |line: &Line| (line.calls_made, line.calls_avoided);
    let counts: Vec<_> = ledger.lines().iter().map(count).collect();
    assert_eq!(counts, [(0, 1), (1, 0), (1, 0)], "in EUR, JPY and USD");
}

#[test]
fn a_call_without_cost_opens_no_account_in_another_currency() {
    let ledger = Ledger::new();
    let euro = Currency::new("EUR").unwrap();
    ledger.account("cache", "", "/", euro).made(Money::ZERO);
    let lines = ledger.lines();
    assert_eq!((lines.len(), lines[0].calls_made), (1, 1));
}

#[test]
fn a_flood_of_tenants_ends_in_one_account() {
    let ledger = Ledger::new();
    for tenant in 0..MAX_ACCOUNTS + 5 {
        let account = ledger.account("cache", &tenant.to_string(), "/", Currency::USD);
        account.made(Money::from_pico(1, Currency::USD));
    }
    let lines = ledger.lines();
    assert_eq!(lines.len(), MAX_ACCOUNTS + 1);
    let other = lines.iter().find(|line| &*line.tenant == OTHER).unwrap();
    assert_eq!(other.calls_made, 5);
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn a_call_on_the_lines_of_several_layers_counts_once_in_the_totals() {
    let ledger = Ledger::new();
    let elsewhere = Ledger::new();
    let mut response = Extensions::new();
    let account = |ledger: &Ledger, layer| ledger.account(layer, "", "/", Currency::USD);
    account(&ledger, "batch").call(&mut response, money("0.02"));
    account(&ledger, "coalesce").call(&mut response, money("0.02"));
    account(&ledger, "cache").call(&mut response, money("0.02"));
    account(&elsewhere, "cache").call(&mut response, money("0.02"));
    account(&ledger, "cache").avoided(money("0.02"));
    for layer in ["batch", "coalesce", "cache"] {
        assert_eq!(ledger.spent(layer).to_string(), "$0.02", "{layer}");
    }
    let totals = ledger.totals();
    assert_eq!(
        (totals.calls_made, totals.spent.to_string()),
        (1, "$0.02".into())
    );
    assert_eq!(
        (totals.calls_avoided, totals.saved.to_string()),
        (1, "$0.02".into())
    );
    assert_eq!(elsewhere.totals().calls_made, 1, "a ledger of its own");
}

#[test]
fn a_response_without_a_call_is_marked_for_the_layers_outside() {
    let ledger = Ledger::default();
    let mut response = Extensions::new();
    assert!(!ledger.has(&response));
    let account = ledger.account("cache", "acme", "/", Currency::USD);
    assert_eq!((account.tenant(), account.route()), ("acme", "/"));
    account.avoided_by(&mut response, money("0.02"));
    assert!(ledger.has(&response) && ledger.mark(&mut response));
    assert!(!Ledger::new().has(&response), "of another ledger");
    // A layer outside passes it on: its line has no call that the totals count.
    ledger
        .account("stampede", "acme", "/", Currency::USD)
        .call(&mut response, money("0.02"));
    let totals = ledger.totals();
    assert_eq!((totals.calls_made, totals.calls_avoided), (0, 1));
}

#[test]
fn an_account_that_passes_calls_on_does_so_under_each_label_and_currency() {
    let ledger = Ledger::new();
    let passing = ledger
        .account("cache", "acme", "/", Currency::USD)
        .passing();
    passing.with_model("small").made(money("1"));
    passing
        .with_tags(&CostTags::new([("team", "search")]))
        .made(money("1"));
    passing.made(money("1 EUR"));
    let lines = ledger.lines();
    let passed = lines
        .iter()
        .filter(|line| line.calls_made > 0 && line.spent == line.passed);
    assert_eq!(passed.count(), 3, "{lines:?}");
    assert_eq!(ledger.totals().calls_made, 0);
}

#[test]
fn a_line_tells_calls_of_its_own_from_those_that_it_passes() {
    let ledger = Ledger::new();
    let account = ledger.account("cache", "acme", "/", Currency::USD);
    account.made(money("1"));
    account.paid(money("0.5"));
    let passing = account.clone().passing();
    passing.made(money("2"));
    passing.made(money("2"));
    passing.paid(money("0.25"));
    let line = &ledger.lines()[0];
    assert_eq!((line.calls_made, line.calls_passed), (3, 2));
    assert_eq!(line.spent, money("5.75"));
    let totals = ledger.totals();
    assert_eq!(
        (totals.calls_made, totals.spent.to_string()),
        (1, "$1.50".into())
    );
    let written = format!("{passing:?}");
    assert!(
        written.contains("passing: true") && written.contains("acme"),
        "{written}"
    );
    assert!(
        format!("{ledger:?}").contains("calls_passed: 2"),
        "{ledger:?}"
    );
    drop(ledger);
    account.made(money("1 EUR"));
    account.avoided_by(&mut Extensions::new(), money("1"));
}

#[test]
fn a_call_is_booked_at_the_cost_that_is_settled_later() {
    use crate::extensions::{Charge, Settlement};
    let ledger = Ledger::new();
    let (settlement, settler) = Settlement::open();
    let mut response = Extensions::new();
    response.insert(Charge(money("0.01")));
    response.insert(settlement);
    let cache = ledger.account("cache", "", "/", Currency::USD);
    cache.call(&mut response, money("5"));
    assert_eq!(ledger.totals().calls_made, 0);
    settler.settle(Some(money("0.03 EUR")));
    assert_eq!(
        ledger.totals().to_string(),
        "calls made: 1 (0.03 EUR), avoided: 0 ($0.00)"
    );
}

#[test]
fn a_ledger_is_written_as_a_table_with_totals() {
    let ledger = Ledger::new();
    ledger
        .account("cache", "ac\nme", "/products/*", Currency::USD)
        .avoided(money("12.5"));
    ledger
        .account("cost-route", "", "chat", Currency::USD)
        .made(money("0.25"));
    let expected = "\
layer       tenant  route        calls  spent  avoided   saved
cache       ac\\nme  /products/*      0  $0.00        1  $12.50
cost-route  -       chat             1  $0.25        0   $0.00
calls made: 1 ($0.25), avoided: 1 ($12.50)";
    assert_eq!(ledger.to_string(), expected);
}

#[cfg(feature = "serde")]
#[test]
fn a_ledger_is_json_with_lines_and_totals() {
    let ledger = Ledger::new();
    ledger
        .account("cache", "a", "/", Currency::USD)
        .made(money("0.25"));
    let json = serde_json::to_value(&ledger).unwrap();
    assert_eq!(json["lines"][0]["spent"], "0.25 USD");
    assert_eq!(json["lines"][0]["calls_passed"], 0);
    assert_eq!(json["totals"]["calls_made"], 1);
    assert_eq!(json["totals"]["spent"][0], "0.25 USD");
}

#[test]
fn a_refusal_without_a_call_is_not_booked_and_a_failure_after_one_is() {
    let ledger = Ledger::new();
    let account = ledger.account("cache", "", "/", Currency::USD);
    let problem = || crate::Problem::new("limit", "any", http::StatusCode::TOO_MANY_REQUESTS);
    let price = "1 USD".parse().unwrap();
    account.call(problem().uncalled().response().extensions_mut(), price);
    assert_eq!(ledger.lines()[0].calls_made, 0);
    account.call(problem().response().extensions_mut(), price);
    let line = &ledger.lines()[0];
    assert_eq!((line.calls_made, line.spent), (1, price));
}
