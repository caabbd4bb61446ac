use super::*;
use crate::Period;
use scrimp_core::{
    Currency,
    extensions::{Tenant, TenantShares},
};
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

fn cents(n: i128) -> Money {
    Money::from_pico(n * 10_000_000_000, Currency::USD)
}

fn spent(budget: &Budget) -> Vec<Money> {
    budget.snapshot().iter().map(|line| line.spent).collect()
}

#[test]
fn a_thousand_at_once_never_spend_more_than_the_cap() {
    let cap = Cap::new("day", cents(500), Period::Day);
    let budget = Budget::new([cap]);
    let granted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..250)
                        .filter(|_| {
                            budget
                                .reserve(cents(1), "", "p", "/")
                                .map(|reservation| reservation.settle(cents(1)).unwrap())
                                .is_ok()
                        })
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!((granted, spent(&budget)), (500, vec![cents(500)]));
}

#[test]
fn what_is_reserved_counts_until_it_is_settled_or_released() {
    let budget = Budget::new([Cap::new("day", cents(10), Period::Day)]);
    let first = budget.reserve(cents(8), "", "p", "/").unwrap();
    let refusal = budget.reserve(cents(3), "", "p", "/").unwrap_err();
    assert_eq!((&*refusal.cap, refusal.used), ("day", cents(8)));
    first.settle(cents(5)).unwrap();
    let second = budget.reserve(cents(5), "", "p", "/").unwrap();
    drop(second);
    assert!(budget.reserve(cents(5), "", "p", "/").is_ok());
}

#[test]
fn what_is_settled_in_full_is_spent_as_it_was_reserved_and_reserved_no_more() {
    let each = Cap::new("each", cents(20), Period::Day).tenants(Scope::Each);
    let budget = Budget::new([Cap::new("day", cents(10), Period::Day), each]);
    let reserved = budget.reserve(cents(8), "a", "p", "/").unwrap();
    reserved.settle_in_full();
    assert_eq!(spent(&budget), [cents(8), cents(8)]);
    let report = budget.report();
    assert!(
        report.iter().all(|cap| cap.reserved == cents(0)),
        "{report:?}"
    );
    assert!(budget.reserve(cents(3), "b", "p", "/").is_err());
    assert!(budget.reserve(cents(2), "b", "p", "/").is_ok());
}

#[test]
fn all_caps_are_reserved_under_or_none() {
    let budget = Budget::new([
        Cap::new("all", cents(100), Period::Day),
        Cap::new("tenant", cents(5), Period::Day).tenants(Scope::Each),
        Cap::new("dear", cents(1), Period::Day).providers(Scope::Only("dear".into())),
    ]);
    let kept = budget.reserve(cents(5), "acme", "cheap", "/").unwrap();
    assert_eq!(
        &*budget
            .reserve(cents(1), "acme", "cheap", "/")
            .unwrap_err()
            .cap,
        "tenant"
    );
    assert_eq!(
        &*budget
            .reserve(cents(2), "other", "dear", "/")
            .unwrap_err()
            .cap,
        "dear"
    );
    // Nothing of what was refused is left reserved.
    assert!(budget.reserve(cents(5), "other", "cheap", "/").is_ok());
    kept.settle(cents(5)).unwrap();
    assert_eq!(spent(&budget), [cents(5), cents(0), cents(5), cents(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_new_period_starts_anew_but_for_what_is_still_reserved() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 - 60);
    let budget =
        Budget::new([Cap::new("day", cents(10), Period::Day)]).clock(Clock::anchored(start));
    budget
        .reserve(cents(6), "", "p", "/")
        .unwrap()
        .settle(cents(6))
        .unwrap();
    let open = budget.reserve(cents(4), "", "p", "/").unwrap();
    tokio::time::advance(Duration::from_secs(120)).await;
    assert!(budget.reserve(cents(7), "", "p", "/").is_err());
    let fits = budget.reserve(cents(6), "", "p", "/").unwrap();
    open.settle(cents(4)).unwrap();
    drop(fits);
    assert_eq!(spent(&budget), [cents(4)]);
}

#[test]
fn a_restart_loses_nothing_that_was_settled() {
    #[derive(Default)]
    struct Memory(Mutex<HashMap<(String, String), BudgetLine>>);
    impl BudgetStore for Memory {
        fn load(&self) -> Vec<BudgetLine> {
            self.0.lock().values().cloned().collect()
        }
        fn settled(&self, line: &BudgetLine) {
            let key = (line.cap.clone(), line.account.clone());
            self.0.lock().insert(key, line.clone());
        }
    }
    let store = Arc::new(Memory::default());
    let caps = || [Cap::new("month", cents(10), Period::Month).tenants(Scope::Each)];
    let before = Budget::stored(caps(), store.clone()).unwrap();
    before
        .reserve(cents(7), "acme", "p", "/")
        .unwrap()
        .settle(cents(7))
        .unwrap();
    let _lost = before.reserve(cents(2), "acme", "p", "/").unwrap();
    let after = Budget::stored(caps(), store).unwrap();
    assert!(after.reserve(cents(4), "acme", "p", "/").is_err());
    assert!(after.reserve(cents(3), "acme", "p", "/").is_ok());
    assert!(after.reserve(cents(10), "other", "p", "/").is_ok());
}

#[test]
fn tenants_that_try_to_be_one_another_have_accounts_of_their_own() {
    let cap = Cap::new("c", cents(1), Period::Day)
        .tenants(Scope::Each)
        .routes(Scope::Each);
    let (cap, error) = cap.into_parts();
    assert_eq!(error, None);
    assert_ne!(cap.key("a/1:b", "p", ""), cap.key("a", "p", "b"));
}

#[test]
fn an_amount_in_another_currency_does_not_slip_through() {
    let budget = Budget::new([Cap::new("day", cents(10), Period::Day)]);
    let euro = Money::from_pico(1, Currency::new("EUR").unwrap());
    assert!(budget.reserve(euro, "", "p", "/").is_err());
}

fn rates() -> ExchangeRates {
    let yen = Currency::new("JPY").unwrap();
    let cent = scrimp_core::ExchangeRate::new(yen, cents(1)).unwrap();
    ExchangeRates::new().with(cent)
}

fn yen(n: i128) -> Money {
    Money::from_pico(n * 1_000_000_000_000, Currency::new("JPY").unwrap())
}

#[test]
fn each_cap_is_kept_in_its_own_currency() {
    let caps = [
        Cap::new("dollars", cents(10), Period::Day),
        Cap::new("yen", yen(20), Period::Day),
    ];
    let budget = Budget::new(caps).at(&rates());
    let reserved = budget.reserve(yen(10), "", "p", "/").unwrap();
    let refusal = budget.reserve(cents(1), "", "p", "/").unwrap_err();
    assert_eq!((&*refusal.cap, refusal.used), ("dollars", cents(10)));
    reserved.settle(cents(7)).unwrap();
    assert_eq!(spent(&budget), [cents(7), yen(7)]);
}

#[test]
fn nothing_is_settled_as_if_one_currency_were_another() {
    let budget = Budget::new([Cap::new("day", cents(10), Period::Day)]);
    let reserved = budget.reserve(cents(2), "", "p", "/").unwrap();
    assert!(reserved.settle(yen(9)).is_err());
    assert_eq!(spent(&budget), [cents(2)], "what was set aside for it");
    let none = budget.reserve(yen(0), "", "p", "/").unwrap_err();
    assert!(none.no_rate.is_some(), "it may turn out to cost something");
}

#[test]
fn what_was_spent_in_another_currency_is_converted_or_refused_when_it_is_restored() {
    let spent_so_far = |cap| {
        let budget = Budget::new([cap]);
        let reserved = budget.reserve(yen(7), "", "p", "/").unwrap();
        reserved.settle(yen(7)).unwrap();
        budget.snapshot()
    };
    let lines = spent_so_far(Cap::new("day", yen(10), Period::Day));
    let dollars = Budget::new([Cap::new("day", cents(10), Period::Day)]);
    assert!(dollars.restore(&lines).is_err());
    assert_eq!(spent(&dollars), []);
    dollars.at(&rates()).restore(&lines).unwrap();
    assert_eq!(spent(&dollars), [cents(7)]);
}

#[test]
fn a_store_may_hold_any_time() {
    for began in [0, u64::MAX] {
        let budget = Budget::new([Cap::new("day", cents(10), Period::Day)]);
        let line = r#"{"cap":"day","account":"*/*/*/","began":BEGAN,"spent":"0.08 USD"}"#;
        let line = line.replace("BEGAN", &began.to_string());
        budget
            .restore(&[serde_json::from_str(&line).unwrap()])
            .unwrap();
        assert_eq!(spent(&budget), [cents(8)]);
        // What is of another day is forgotten, as long as that day is over.
        let room = budget.reserve(cents(9), "", "p", "/").is_ok();
        assert_eq!(room, began == 0);
    }
}

#[test]
fn a_line_keeps_amounts_of_any_size_exactly() {
    let limit = yen(1_000_000_000_000);
    let cap = || Cap::new("day", limit, Period::Day);
    let budget = Budget::new([cap()]);
    let reserved = budget.reserve(limit, "", "p", "/").unwrap();
    reserved.settle(limit).unwrap();
    let text = serde_json::to_string(&budget.snapshot()).unwrap();
    assert!(text.contains(r#""spent":"1000000000000.00 JPY""#), "{text}");
    let after = Budget::new([cap()]);
    after
        .restore(&serde_json::from_str::<Vec<BudgetLine>>(&text).unwrap())
        .unwrap();
    assert!(after.reserve(yen(1), "", "p", "/").is_err());
}

fn shares(weights: &[(&str, u32)]) -> TenantShares {
    let items = weights.iter();
    TenantShares::new(items.map(|(name, weight)| (*weight, [Tenant::from(*name)])))
}

#[test]
fn the_shares_of_a_call_are_reserved_and_settled_by_weight_in_the_currency_of_each_cap() {
    let caps = [
        Cap::new("each", yen(60), Period::Day).tenants(Scope::Each),
        Cap::new("all", cents(100), Period::Day),
    ];
    let budget = Budget::new(caps).at(&rates());
    let shares = shares(&[("a", 1), ("b", 2)]);
    let reserved = budget.set_aside_shares(Some(cents(90)), &shares, "p", "/");
    let reserved = reserved.ok().expect("room");
    // 30 of 60 yen and 60 of 60 yen; 90 of 100 cents.
    assert!(budget.reserve(cents(31), "a", "p", "/").is_err());
    assert!(budget.reserve(cents(1), "b", "p", "/").is_err());
    reserved.settle(cents(10)).unwrap();
    let third = yen(10).split(&[1, 2]);
    assert_eq!(spent(&budget), [cents(10), third[0], third[1]]);
}

#[test]
fn a_tenant_that_may_not_pay_its_share_is_named_and_nothing_is_reserved() {
    let caps = [
        Cap::new("each", cents(10), Period::Day).tenants(Scope::Each),
        Cap::new("all", cents(25), Period::Day),
    ];
    let budget = Budget::new(caps);
    budget
        .reserve(cents(8), "a", "p", "/")
        .unwrap()
        .settle(cents(8))
        .unwrap();
    let both = shares(&[("a", 1), ("b", 1), ("c", 1)]);
    let refused = |amount| {
        let refusals = match budget.set_aside_shares(Some(amount), &both, "p", "/") {
            Err(DeniedShares::Refused(refusals)) => refusals,
            Err(DeniedShares::Wait(_)) => panic!("no fleet shares it"),
            Ok(_) => panic!("it is too much"),
        };
        refusals
            .into_iter()
            .map(|refusal| refusal.map(|refusal| refusal.cap.to_string()))
            .collect::<Vec<_>>()
    };
    let each = || Some("each".to_owned());
    assert_eq!(refused(cents(9)), [each(), None, None]);
    assert_eq!(refused(cents(60)), [each(), each(), each()]);
    // Each has two cents left under its own cap, and all together have three.
    let other = budget.reserve(cents(10), "d", "p", "/").unwrap();
    let more = budget.reserve(cents(4), "e", "p", "/").unwrap();
    assert_eq!(refused(cents(6)), [(); 3].map(|()| Some("all".to_owned())));
    drop((other, more));
    assert!(
        budget
            .set_aside_shares(Some(cents(6)), &both, "p", "/")
            .is_ok()
    );
}

#[test]
fn a_report_has_tenant_limit_and_rest() {
    let budget = Budget::new([
        Cap::new("day", cents(100), Period::Day),
        Cap::new("each", cents(50), Period::Month)
            .tenants(Scope::Each)
            .providers(Scope::Only("a".into()))
            .routes(Scope::Each),
    ]);
    let before = budget.report();
    assert_eq!(
        before.len(),
        1,
        "a cap of all is there before anything is spent"
    );
    assert_eq!(
        (before[0].rest, before[0].tenant.as_deref()),
        (cents(100), None)
    );
    let reserved = budget.reserve(cents(20), "ac:me/", "a", "chat").unwrap();
    budget
        .reserve(cents(30), "ac:me/", "a", "chat")
        .unwrap()
        .settle(cents(5))
        .unwrap();
    let report = budget.report();
    let each = &report[1];
    assert_eq!(each.tenant.as_deref(), Some("ac:me/"));
    assert_eq!(each.provider.as_deref(), Some("a"));
    assert_eq!(each.route.as_deref(), Some("chat"));
    assert_eq!(each.limit, cents(50));
    assert_eq!(
        (each.spent, each.reserved, each.rest),
        (cents(5), cents(20), cents(25))
    );
    assert_eq!(
        each.to_string(),
        "each, tenant \"ac:me/\", provider \"a\", route \"chat\": \
         $0.25 of $0.50 left, $0.05 spent, $0.20 reserved"
    );
    let json = serde_json::to_value(each).unwrap();
    assert_eq!(
        (json["tenant"].as_str(), json["rest"].as_str()),
        (Some("ac:me/"), Some("0.25 USD"))
    );
    assert!(json["resets"].is_u64());
    reserved.release();
    assert_eq!(budget.report()[0].rest, cents(95));
}

#[test]
fn a_report_is_ordered_by_cap_tenant_provider_and_route() {
    let cap = |name: &str| {
        let cap = Cap::new(name, cents(100), Period::Day).tenants(Scope::Each);
        cap.providers(Scope::Each).routes(Scope::Each)
    };
    let budget = Budget::new([cap("b"), cap("a")]);
    for (tenant, provider, route) in [
        ("t", "p", "/b"),
        ("t", "o", "/"),
        ("s", "p", "/"),
        ("t", "p", "/a"),
    ] {
        let reservation = budget.reserve(cents(1), tenant, provider, route);
        assert!(format!("{:?}", reservation.unwrap()).contains("accounts: 2"));
    }
    let report = budget.report();
    let names: Vec<_> = report
        .iter()
        .map(|status| {
            let name = |name: &Option<String>| name.clone().unwrap_or_default();
            let names = [&status.tenant, &status.provider, &status.route].map(name);
            format!("{} {}", status.cap, names.join(" "))
        })
        .collect();
    assert_eq!(
        names,
        [
            "a s p /", "a t o /", "a t p /a", "a t p /b", "b s p /", "b t o /", "b t p /a",
            "b t p /b"
        ]
    );
    assert!(format!("{budget:?}").contains("caps"));
}
