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
fn marginal_tiers_price_each_part_of_the_prompt_and_the_answer_with_the_first() {
    let rates = |input, read, output| {
        TokenRates::text(rate(input), rate(output)).with(TokenClass::CacheRead, rate(read))
    };
    let tariff = Tariff::new(Currency::USD)
        .tokens(rates("0.001", "0.0001", "0.002"))
        .tier(200, rates("0.005", "0.0005", "0.009"))
        .tier(100, rates("0.003", "0.0003", "0.007"))
        .tiering(Tiering::Marginal);
    let usage = |input, read, output| Usage::text(input, output).with(TokenClass::CacheRead, read);
    // Plain input comes first: 80 of it and 20 cached are in the first tier, 30 in the second.
    assert_eq!(cost(&tariff, usage(80, 50, 10), 0), "$0.111");
    assert_eq!(cost(&tariff, usage(250, 0, 10), 0), "$0.67");
    assert_eq!(cost(&tariff, usage(90, 120, 10), 0), "$0.146");
    assert_eq!(cost(&tariff, usage(100, 100, 0), 0), "$0.13");
    assert_eq!(cost(&tariff, usage(0, 0, 10), 0), "$0.02");
    // The whole request at the rates of its tier, to compare.
    let whole = tariff.tiering(Tiering::Whole);
    assert_eq!(cost(&whole, usage(80, 50, 10), 0), "$0.325");
}

#[test]
fn a_tariff_is_free_only_if_all_its_prices_are_zero() {
    let new = || Tariff::new(Currency::USD);
    let paid = || TokenRates::text(rate("0"), rate("0.001"));
    let zero = || TokenRates::text(rate("0"), rate("0"));
    let daily = || PriceWindow::daily(0, 60);
    for tariff in [
        new().per_request("0.01"),
        new().per_kib_in("0.01"),
        new().per_kib_out("0.01"),
        new().tokens(paid()),
        new().tier(100, paid()),
        new().window(daily(), paid()),
    ] {
        let price = Price::from(tariff);
        assert!(matches!(price, Price::Known(_)), "{price:?}");
        assert_eq!(price.currency(), Some(Currency::USD));
    }
    for tariff in [
        new(),
        new().tokens(zero()).tier(9, zero()).window(daily(), zero()),
    ] {
        let price = Price::from(tariff);
        assert_eq!((price.currency(), price.clone()), (None, Price::Free));
        assert!(!price.depends_on_tokens() && !price.charges_errors());
        assert_eq!(
            price.cost(&Usage::text(1, 1), UNIX_EPOCH, 0),
            Some(Money::ZERO)
        );
    }
    assert_eq!(Price::Unknown.cost(&Usage::default(), UNIX_EPOCH, 0), None);
}

#[test]
fn a_price_depends_on_tokens_if_any_rates_do_and_charges_errors_if_it_says_so() {
    let new = || Tariff::new(Currency::USD).per_request("0.01");
    let rates = || TokenRates::text(rate("0.001"), rate("0.001"));
    let depends = |tariff| Price::from(tariff).depends_on_tokens();
    assert!(!depends(new()) && !depends(new().tokens(TokenRates::new())));
    assert!(depends(new().tokens(rates())) && depends(new().tier(5, rates())));
    assert!(depends(new().window(PriceWindow::daily(0, 60), rates())));
    let charges = |tariff| Price::from(tariff).charges_errors();
    assert!(!charges(new()) && charges(new().errors_paid(true)));
}

#[test]
fn a_volume_step_of_the_same_start_replaces_one_and_steps_come_in_any_order() {
    let tariff = Tariff::new(Currency::USD)
        .per_request("1")
        .volume_step(100, 500, Period::Day)
        .volume_step(10, 900, Period::Day)
        .volume_step(100, 250, Period::Day);
    assert_eq!(tariff.volume_period(), Some(Period::Day));
    for (used, expected) in [(9, "$1.00"), (10, "$0.90"), (99, "$0.90"), (100, "$0.25")] {
        assert_eq!(cost(&tariff, Usage::default(), used), expected, "{used}");
    }
    assert_eq!(Tariff::new(Currency::USD).volume_period(), None);
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
