use proptest::prelude::*;

use super::{
    name::{MAX_ACCOUNTS, MAX_LABELLED},
    *,
};
use crate::extensions::{CalledModel, OTHER};

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn pico(pico: i128) -> Money {
    Money::from_pico(pico, Currency::USD)
}

#[test]
fn a_call_is_booked_under_the_model_of_its_response_and_the_tags_of_its_request() {
    let ledger = Ledger::new();
    let mut request = Extensions::new();
    request.insert(CostTags::new([("team", "search")]));
    let mut response = Extensions::new();
    response.insert(CalledModel::from("small"));
    let name = AccountName::new("cache", "acme", "/chat", Currency::USD);
    let account = ledger.open(name.labelled(&request, &Extensions::new()));
    account.call(&mut response, money("0.01"));
    let account = ledger.open(name.labelled(&request, &response));
    account.avoided(money("0.02 EUR"));
    let account = ledger.open(name);
    account.call(&mut Extensions::new(), money("0.04"));
    let team = |value: &str| ledger.totals_by(Dimension::Tag("team"))[value].to_string();
    assert_eq!(
        team("search"),
        "calls made: 1 ($0.01), avoided: 1 (0.02 EUR)"
    );
    assert_eq!(team(""), "calls made: 1 ($0.04), avoided: 0 ($0.00)");
    let models = ledger.totals_by(Dimension::Model);
    assert_eq!(models.keys().collect::<Vec<_>>(), ["", "small"]);
    assert_eq!(
        models["small"],
        ledger.totals_by(Dimension::Tag("team"))["search"]
    );
}

#[test]
fn an_open_account_is_found_again_by_its_labels() {
    let ledger = Ledger::new();
    let account = ledger.account("cache", "acme", "/", Currency::USD);
    for _ in 0..3 {
        let tags = CostTags::new([("team", "search")]);
        account.with_tags(&tags).with_model("small").made(pico(1));
        account
            .with_model("small")
            .with_tags(&tags)
            .passing()
            .made(pico(1));
    }
    let lines = ledger.lines();
    let labelled: Vec<_> = lines.iter().filter(|line| line.calls_made > 0).collect();
    assert_eq!((labelled.len(), labelled[0].calls_made), (1, 6));
    assert_eq!((labelled[0].own(), labelled[0].passed), (pico(3), pico(3)));
    assert_eq!(account.with_tags(&CostTags::default()).tenant(), "acme");
}

#[test]
fn tokens_are_booked_where_the_call_is() {
    let ledger = Ledger::new();
    let account = ledger.account("cost-route", "", "", Currency::USD);
    account.used(100, 20);
    account.passing().used(7, 7);
    let line = &ledger.lines()[0];
    assert_eq!((line.tokens_in, line.tokens_out), (100, 20));
}

#[test]
fn a_hundred_times_the_bound_of_labels_leaves_room_for_tenants_and_loses_no_money() {
    let ledger = Ledger::new();
    let account = ledger.account("cache", "flood", "/", Currency::USD);
    let calls = 100 * MAX_LABELLED;
    for call in 0..calls {
        let name = call.to_string();
        match call % 2 {
            0 => account.with_model(&name).made(pico(1)),
            _ => account
                .with_tags(&CostTags::new([("team", &name)]))
                .made(pico(1)),
        }
    }
    let flooded = ledger.lines().len();
    assert!(flooded <= MAX_LABELLED + 3, "{flooded}");
    ledger
        .account("cache", "another", "/", Currency::USD)
        .made(pico(1));
    let tenants = ledger.totals_by(Dimension::Tenant);
    assert_eq!(tenants["another"].calls_made, 1);
    assert_eq!(tenants["flood"].calls_made, calls as u64);
    let models = ledger.totals_by(Dimension::Model);
    let teams = ledger.totals_by(Dimension::Tag("team"));
    let beyond = models[OTHER].calls_made + teams[OTHER].calls_made;
    assert_eq!(beyond, (calls - MAX_LABELLED) as u64);
    let long = "x".repeat(10_000);
    account.with_model(&long).made(pico(1));
    assert!(ledger.lines().iter().all(|line| line.model.len() < 300));
}

#[test]
fn a_hundred_times_the_bound_of_accounts_stays_within_it() {
    let ledger = Ledger::new();
    let tags = CostTags::new([("team", "search")]);
    for tenant in 0..100 * MAX_ACCOUNTS {
        let account = ledger.account("cache", &tenant.to_string(), "/", Currency::USD);
        account.made(pico(1));
        if tenant > 99 * MAX_ACCOUNTS {
            account.with_tags(&tags).with_model("small").made(pico(1));
        }
    }
    assert!(ledger.lines().len() <= MAX_ACCOUNTS + 4);
    let calls = ledger.totals().calls_made;
    assert_eq!(calls, 101 * MAX_ACCOUNTS as u64 - 1);
    assert_eq!(ledger.totals().spent.get(Currency::USD), pico(calls.into()));
}

proptest! {
    #[test]
    fn the_parts_of_each_dimension_add_up_to_the_totals_exactly(
        bookings in prop::collection::vec(
            (0..3_u8, 0..3_u8, 0..3_u8, 0..3_u8, 0..3_u8, -(1_i128 << 70)..1_i128 << 70),
            0..60,
        ),
    ) {
        let ledger = Ledger::new();
        for (tenant, route, model, tag, kind, amount) in bookings {
            let code = if amount % 5 == 0 { "EUR" } else { "USD" };
            let amount = Money::from_pico(amount, Currency::new(code).unwrap());
            let account = ledger
                .account("cache", &tenant.to_string(), &route.to_string(), Currency::USD)
                .with_model(["", "small", "large"][usize::from(model)])
                .with_tags(&CostTags::new((0..tag).map(|key| (key.to_string(), "x"))));
            match kind {
                0 => account.made(amount),
                1 => account.avoided(amount),
                _ => account.passing().made(amount),
            }
        }
        let dimensions = [
            Dimension::Layer, Dimension::Tenant, Dimension::Route, Dimension::Model,
            Dimension::Tag("0"), Dimension::Tag("1"), Dimension::Tag("none"),
        ];
        for dimension in dimensions {
            let mut sum = LedgerTotals::default();
            for part in ledger.totals_by(dimension).into_values() {
                sum.calls_made += part.calls_made;
                sum.calls_avoided += part.calls_avoided;
                sum.spent.extend(part.spent);
                sum.saved.extend(part.saved);
            }
            prop_assert_eq!(sum, ledger.totals(), "{:?}", dimension);
        }
    }
}
