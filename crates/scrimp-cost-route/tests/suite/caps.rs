//! Accounts of caps: which calls count, and what is left of those that do not.

use crate::common;

use std::time::{Duration, SystemTime};

use common::{cents, provider, yen};
use scrimp_core::{
    Clock, Money,
    extensions::{Tenant, TenantShares},
};
use scrimp_cost_route::{Budget, Cap, CostRouteLayer, Period, Price, Rate, Scope};

fn day(name: &str, limit: Money) -> Cap {
    Cap::new(name, limit, Period::Day)
}

fn spent(budget: &Budget) -> Vec<Money> {
    budget.snapshot().iter().map(|line| line.spent).collect()
}

#[test]
fn tenants_that_another_cap_refuses_lock_no_new_tenant_out() {
    let budget = Budget::new([
        day("each", cents(9)).tenants(Scope::Each),
        day("dear", cents(1)).providers(Scope::Only("dear".into())),
    ]);
    for n in 0..200_000 {
        let refused = budget.reserve(cents(2), &format!("invented {n}"), "dear", "/");
        assert_eq!(&*refused.unwrap_err().cap, "dear");
    }
    assert!(budget.reserve(cents(2), "honest", "cheap", "/").is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_spent_in_an_earlier_period_is_not_reported_in_this_one() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 - 60);
    let budget = Budget::new([day("day", cents(10))]).clock(Clock::anchored(start));
    let reserved = budget.reserve(cents(6), "", "p", "/").unwrap();
    reserved.settle(cents(6)).unwrap();
    assert_eq!(budget.report()[0].spent, cents(6));
    tokio::time::advance(Duration::from_secs(120)).await;
    assert_eq!(budget.report()[0].spent, cents(0));
}

#[test]
fn a_report_has_each_cap_of_one_account_before_anything_is_spent() {
    let budget = Budget::new([day("a", cents(1)), day("b", cents(2))]);
    let names = |budget: &Budget| -> Vec<String> {
        let report = budget.report().into_iter();
        report.map(|status| status.cap).collect()
    };
    assert_eq!(names(&budget), ["a", "b"]);
    drop(budget.reserve(cents(1), "", "p", "/"));
    assert_eq!(names(&budget), ["a", "b"], "each once");
}

#[test]
fn nothing_is_nothing_in_every_currency() {
    let budget = Budget::new([day("day", cents(10))]);
    let reserved = budget.reserve(cents(2), "", "p", "/").unwrap();
    let nothing = Money::zero(yen());
    assert!(reserved.settle(nothing).is_ok(), "without a rate");
    assert_eq!(spent(&budget), [cents(0)]);
}

#[test]
fn each_share_is_settled_in_the_currency_of_its_cap() {
    let yen = |count: i128| Money::from_pico(count * 1_000_000_000_000, yen());
    let budget = Budget::new([
        day("dollars", cents(90)).tenants(Scope::Each),
        day("yen", yen(90)).tenants(Scope::Each),
    ]);
    let layer = CostRouteLayer::builder([provider("a", 30)])
        .budget(budget.clone())
        .exchange_rate(common::yen(), "0.01 USD");
    let rig = common::Rig::new(&layer.build().unwrap(), |_| common::ok("fine"));
    let mut request = common::get();
    let tenants = [(1, "a"), (2, "b")].map(|(weight, name)| (weight, [Tenant::from(name)]));
    request.extensions_mut().insert(TenantShares::new(tenants));
    futures_util::future::FutureExt::now_or_never(rig.send(request)).expect("it answers at once");
    assert_eq!(spent(&budget), [cents(10), cents(20), yen(10), yen(20)]);
}

#[tokio::test(start_paused = true)]
async fn a_price_may_be_unknown_where_no_cap_counts_its_provider() {
    let build = |counted: &str| {
        let cap = day("day", cents(10)).providers(Scope::Only(counted.into()));
        let free = provider("free", 0).price(Price::Unknown);
        CostRouteLayer::builder([free])
            .budget(Budget::new([cap]))
            .build()
    };
    let rig = common::Rig::new(&build("paid").unwrap(), |_| common::ok("fine"));
    assert_eq!(rig.get().await.status, 200);
    let error = build("free").unwrap_err().to_string();
    assert!(error.contains("unknown_prices"), "{error}");
}

#[test]
fn a_price_may_be_text_that_a_program_has_made() {
    let text = format!("{}.5 USD", 2);
    let of = |price: Price| format!("{price:?}");
    let expected = of(Price::try_from("2.5 USD").unwrap());
    assert_eq!(of(Price::try_from(&text).unwrap()), expected);
    assert_eq!(of(Price::try_from(text).unwrap()), expected);
    assert!(Price::try_from(String::from("cheap")).is_err());
}

#[test]
fn a_rate_may_be_text_that_a_program_has_made() {
    let text = format!("{}e-6", 2.5);
    let expected: Rate = "0.0000025".parse().unwrap();
    let of = |rate: Rate| rate.to_string();
    assert_eq!(of(Rate::try_from(&text).unwrap()), of(expected.clone()));
    assert_eq!(of(Rate::try_from(text).unwrap()), of(expected));
    assert!(Rate::try_from(String::from("cheap")).is_err());
}
