use super::*;
use crate::{Price, Rate, TokenClass, Usage};
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
        .window(PriceWindow::daily(0, 60), night);
    let at = |minutes: u64| UNIX_EPOCH + Duration::from_secs(minutes * 60);
    let usage = Usage::text(1, 1).with(TokenClass::CacheRead, 1);
    // What is cached has no price of its own, so it follows the input's at night too.
    assert_eq!(tariff.cost(&usage, at(59), 0), Some(money("0.004")));
    assert_eq!(tariff.cost(&usage, at(60), 0), Some(money("0.006")));
}

#[test]
fn what_is_priced_at_certain_hours_only_is_unknown_at_others() {
    let night = TokenRates::text(rate("0.001"), rate("0.002"));
    let tariff = Tariff::new(Currency::USD).window(PriceWindow::daily(0, 60), night);
    assert!(tariff.prices_tokens());
    let at = |minutes: u64| UNIX_EPOCH + Duration::from_secs(minutes * 60);
    let usage = Usage::text(1, 1);
    assert_eq!(tariff.cost(&usage, at(59), 0), Some(money("0.003")));
    assert_eq!(tariff.cost(&usage, at(60), 0), None);
}

#[test]
fn each_setting_that_cannot_be_used_is_named_with_its_range() {
    let yen = Currency::new("JPY").unwrap();
    let dollars = || Tariff::new(Currency::USD);
    let night = || TokenRates::text("0.001", "0.002");
    let at = |window| dollars().window(window, night());
    let daily = || PriceWindow::daily(0, 60);
    let table: [(Tariff, &str); 18] = [
        (
            Tariff::new(yen).per_request("0.01"),
            "Tariff: `per_request` must be in JPY, as the tariff is, not $0.01",
        ),
        (
            dollars().per_kib_in("-1"),
            "Tariff: `per_kib_in` must be at least $0.00, not -$1.00",
        ),
        (
            dollars().per_kib_out("a lot"),
            "Tariff: `per_kib_out` must be an amount: ",
        ),
        (
            Tariff::new(yen).tokens(TokenRates::text("0.0004", Rate::per("3", 1_000_000))),
            "Tariff: `tokens` must be in JPY, as the tariff is, not USD",
        ),
        (
            dollars().tokens(TokenRates::text("1e-6", "-1e-6")),
            "Tariff: `tokens` must have rates of at least 0, not -0.000001",
        ),
        (
            dollars().tier(1_000, TokenRates::new().with(TokenClass::Input, "-1")),
            "Tariff: `tier` must have rates of at least 0, not -1",
        ),
        (
            dollars().window(daily(), TokenRates::text("-1", "0")),
            "Tariff: `window` must have rates of at least 0, not -1",
        ),
        (
            dollars().tokens(TokenRates::text("a lot", "0")),
            "TokenRates: `Input` must be a rate: ",
        ),
        (
            dollars().tokens(TokenRates::text("0", Rate::per("3", 0))),
            "Rate: `units` must be at least 1, not 0",
        ),
        (
            dollars().tokens(TokenRates::text(Rate::per("three", 1), "0")),
            "Rate: `price` must be an amount: ",
        ),
        (
            at(PriceWindow::daily(1_440, 60)),
            "PriceWindow: `from` must be within 0 and 1439, not 1440",
        ),
        (
            at(PriceWindow::daily(0, 1_440)),
            "PriceWindow: `to` must be within 0 and 1439, not 1440",
        ),
        (
            at(daily().on([1, 0])),
            "PriceWindow: `on` must be within 1 and 7, not 0",
        ),
        (
            at(daily().on([8])),
            "PriceWindow: `on` must be within 1 and 7, not 8",
        ),
        (
            at(daily().weekdays_ahead_of_utc(86_400)),
            "PriceWindow: `weekdays_ahead_of_utc` must be within -86399 and 86399, not 86400",
        ),
        (
            dollars().volume_step(0, 1_001, Period::Day),
            "Tariff: `permille` must be within 0 and 1000, not 1001",
        ),
        (
            dollars()
                .free_quota(10, Period::Day)
                .volume_step(100, 500, Period::Month),
            "Tariff: `period` must be the same in all volume steps, not day and month",
        ),
        // The first error is kept.
        (
            dollars().per_request("-1").per_kib_in("-2"),
            "Tariff: `per_request` must be at least $0.00, not -$1.00",
        ),
    ];
    for (tariff, says) in table {
        let error = tariff.check().unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}\n{says}");
        assert_eq!(
            tariff.cost(&Usage::default(), UNIX_EPOCH, 0),
            None,
            "{says}"
        );
        let price = Price::from(tariff);
        assert!(price.check().is_err(), "not free: {says}");
    }
}
