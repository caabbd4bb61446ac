use super::*;
use crate::{TokenClass, Usage};
use std::time::{Duration, UNIX_EPOCH};

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn cost(tariff: &Tariff, usage: Usage, used: u64) -> String {
    tariff.cost(&usage, UNIX_EPOCH, used).unwrap().to_string()
}

#[test]
fn requests_and_kilobytes_add_up() {
    let tariff = Tariff::new(Currency::USD)
        .per_request(money("0.01"))
        .per_kib_in(money("0.001"))
        .per_kib_out(money("0.002"));
    assert_eq!(cost(&tariff, Usage::bytes(1_536, 512), 0), "$0.0125");
}

#[test]
fn a_tier_reprices_the_whole_request_or_only_what_is_past_it() {
    let tokens = TokenRates::text(rate("0.001"), rate("0.002"));
    let larger = TokenRates::new().with(TokenClass::Input, rate("0.003"));
    let whole = Tariff::new(Currency::USD).tokens(tokens).tier(100, larger);
    assert_eq!(cost(&whole, Usage::text(100, 10), 0), "$0.12");
    assert_eq!(cost(&whole, Usage::text(101, 10), 0), "$0.323");
    let marginal = whole.tiering(Tiering::Marginal);
    assert_eq!(cost(&marginal, Usage::text(101, 10), 0), "$0.123");
}

#[test]
fn tokens_without_a_price_make_the_cost_unknown_not_zero() {
    let tariff =
        Tariff::new(Currency::USD).tokens(TokenRates::new().with(TokenClass::Input, Rate::ZERO));
    assert_eq!(tariff.cost(&Usage::text(5, 1), UNIX_EPOCH, 0), None);
    assert!(tariff.cost(&Usage::text(5, 0), UNIX_EPOCH, 0).is_some());
}

#[test]
fn a_free_quota_comes_first_and_volume_makes_it_cheaper() {
    let tariff = Tariff::new(Currency::USD)
        .per_request(money("1"))
        .free_quota(10, Period::Day)
        .volume_step(100, 500, Period::Day);
    for (used, expected) in [(0, "$0.00"), (9, "$0.00"), (10, "$1.00"), (100, "$0.50")] {
        assert_eq!(cost(&tariff, Usage::default(), used), expected, "{used}");
    }
}

#[test]
fn nights_are_cheaper_where_the_tariff_says_so() {
    let day = TokenRates::text(rate("0.002"), rate("0.002"));
    let night = TokenRates::new().with(TokenClass::Input, rate("0.001"));
    let tariff = Tariff::new(Currency::USD)
        .tokens(day)
        .window(Window::daily(0, 60), night);
    let at = |minutes: u64| UNIX_EPOCH + Duration::from_secs(minutes * 60);
    let usage = Usage::text(1, 1).with(TokenClass::CacheRead, 1);
    // What is cached has no price of its own, so it follows the input's at night too.
    assert_eq!(tariff.cost(&usage, at(59), 0), Some(money("0.004")));
    assert_eq!(tariff.cost(&usage, at(60), 0), Some(money("0.006")));
}

#[test]
fn what_is_priced_at_certain_hours_only_is_unknown_at_others() {
    let night = TokenRates::text(rate("0.001"), rate("0.002"));
    let tariff = Tariff::new(Currency::USD).window(Window::daily(0, 60), night);
    assert!(tariff.prices_tokens());
    let at = |minutes: u64| UNIX_EPOCH + Duration::from_secs(minutes * 60);
    let usage = Usage::text(1, 1);
    assert_eq!(tariff.cost(&usage, at(59), 0), Some(money("0.003")));
    assert_eq!(tariff.cost(&usage, at(60), 0), None);
}

#[test]
#[should_panic(expected = "`per_request` must be in JPY, as the tariff is, and is $0.01")]
fn a_price_in_another_currency_than_the_tariffs_is_refused() {
    let yen = Currency::new("JPY").unwrap();
    let _ = Tariff::new(yen).per_request(money("0.01"));
}

#[test]
#[should_panic(expected = "`tokens` must be in JPY, as the tariff is, not in USD")]
fn rates_made_of_money_in_another_currency_are_refused() {
    let yen = Currency::new("JPY").unwrap();
    let in_dollars = Rate::per(money("3"), 1_000_000);
    let bare = rate("0.0004");
    let tariff = Tariff::new(yen).tokens(TokenRates::text(bare, bare));
    let _ = tariff.tokens(TokenRates::text(bare, in_dollars));
}

#[test]
#[should_panic(expected = "`permille` must be within 0 and 1000")]
fn a_step_above_the_price_is_refused() {
    let _ = Tariff::new(Currency::USD).volume_step(0, 1_001, Period::Day);
}
