//! Helpers of several tests.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses a part of it"
)]

use std::time::SystemTime;

use scrimp_core::{Currency, Ledger, Money, extensions::CostTags};

pub fn time(text: &str) -> SystemTime {
    scrimp_focus::at(text).expect("a time")
}

pub fn money(text: &str) -> Money {
    text.parse().expect("an amount")
}

/// Books what two layers see of calls of two tenants.
pub fn fill(ledger: &Ledger) {
    let tags = CostTags::new([("team", "search"), ("note", "a \"quoted\", one")]);
    let account = |layer, tenant| ledger.account(layer, tenant, "chat", Currency::USD);
    let router = account("cost-route", "acme").with_model("small");
    router.made(money("0.000000000001"));
    router.made(money("12.5"));
    router.used(1_200, 340);
    router.with_tags(&tags).made(money("0.25"));
    account("cost-route", "=2+3").made(money("7 EUR"));
    let cache = account("cache", "acme").with_model("small");
    cache.clone().passing().made(money("12.750000000001"));
    cache.with_tags(&tags).avoided(money("0.25"));
    account("cache", "").avoided(money("0.000000000003"));
}
