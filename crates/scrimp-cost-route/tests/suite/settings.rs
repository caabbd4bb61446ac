//! Settings are checked once, when a layer is built, and errors name the setting.

use crate::common;

use std::{sync::Arc, time::Duration};

use common::{Rig, cents, ok, provider, yen};
use http::Uri;
use scrimp_core::extensions::Priority;
use scrimp_cost_route::{
    Budget, Cap, CostRouteLayer, CostRouteLayerBuilder, Filters, Period, Price, Provider, Rate,
    Score, Stake, Stakes, Tariff, TokenRates, Usage, Weights,
};
use tower::Layer;

fn over(provider: Provider) -> CostRouteLayerBuilder {
    CostRouteLayer::builder([provider])
}

/// Compares the texts of errors. `...` stands for the rest of a text.
fn refused<const N: usize>(table: [(CostRouteLayerBuilder, &str); N]) {
    for (builder, says) in table {
        let error = builder.build().expect_err(says).to_string();
        match says.strip_suffix("...") {
            Some(begin) => assert!(error.starts_with(begin), "{error}"),
            None => assert_eq!(error, says),
        }
    }
}

#[test]
fn each_setting_of_a_provider_that_cannot_be_used_is_named_with_its_range() {
    let new = || Provider::new("a");
    refused([
        (
            over(Provider::new("")),
            "Provider: `name` must not be empty",
        ),
        (
            over(new().endpoint("/v1")),
            "Provider: `endpoint` must be like `https://api.example.com/v1`, with a scheme and \
             an authority and without a query, not `/v1`",
        ),
        (
            over(new().endpoint(Uri::from_static("https://api.example.com/v1?key=1"))),
            "Provider: `endpoint` must be like `https://api.example.com/v1`, with a scheme and \
             an authority and without a query, not `https://api.example.com/v1?…`",
        ),
        (
            over(new().endpoint("two words")),
            "Provider: `endpoint` must be like `https://api.example.com/v1`, with a scheme and \
             an authority and without a query: invalid uri character",
        ),
        (
            over(new().header("two words", "fine")),
            "Provider: `header` must be a field name: invalid HTTP header name",
        ),
        (
            over(new().header("fine", "two\nlines")),
            "Provider: `header` must be visible ASCII: failed to parse header value",
        ),
        (
            over(new().bearer("two\nlines")),
            "Provider: `bearer` must be visible ASCII: failed to parse header value",
        ),
        (
            over(new().price("a lot")),
            "Provider: `price` must be an amount: \"a lot\" is not an amount of money: ...",
        ),
        (
            over(new().price("-0.01")),
            "Tariff: `per_request` must be at least $0.00, not -$0.01",
        ),
        (
            over(new().price(Tariff::new(yen()).per_request("1 USD"))),
            "Tariff: `per_request` must be in JPY, as the tariff is, not $1.00",
        ),
        (
            over(new().price(Tariff::new(yen()).tokens(TokenRates::text(Rate::per("1", 0), "1")))),
            "Rate: `units` must be at least 1, not 0",
        ),
        (
            over(new().reliability(1.1)),
            "Provider: `reliability` must be within 0.0 and 1.0, not 1.1",
        ),
        (
            over(new().quality(f64::NAN)),
            "Provider: `quality` must be within 0.0 and 1.0, not NaN",
        ),
        (
            over(new().requests_per_minute(0)),
            "Provider: `requests_per_minute` must be at least 1, not 0",
        ),
        (
            over(new().tokens_per_minute(0)),
            "Provider: `tokens_per_minute` must be at least 1, not 0",
        ),
        (
            over(new().concurrency(0)),
            "Provider: `concurrency` must be at least 1, not 0",
        ),
        (
            over(new().timeout(Duration::ZERO)),
            "Provider: `timeout` must be within 1ns and 31536000s, not 0ns",
        ),
        (
            over(new().concurrency(0).quality(2.0).reliability(-1.0)),
            "Provider: `concurrency` must be at least 1, not 0",
        ),
        (
            CostRouteLayer::builder([new(), Provider::new("b"), new()]),
            "CostRouteLayer: `providers` must have names of their own, and two are named \"a\"",
        ),
    ]);
}

#[test]
fn each_setting_of_a_layer_that_cannot_be_used_is_named_with_its_range() {
    let layer = || over(Provider::new("a").price(Price::Free));
    let second = Duration::from_secs(1);
    let stakes = |stake| Score::Money(Stakes::default().with(Priority::High, stake));
    let mut weights = Weights::default();
    weights.low.cost = -1.0;
    refused([
        (
            layer().score(stakes(Stake::new().failure("-1"))),
            "Stake: `failure` must be at least $0.00, not -$1.00",
        ),
        (
            layer().score(stakes(Stake::new().quality("-1"))),
            "Stake: `quality` must be at least $0.00, not -$1.00",
        ),
        (
            layer().score(stakes(Stake::new().second("-0.000001"))),
            "Stake: `second` must be at least $0.00, not -$0.000001",
        ),
        (
            layer().score(Score::Weighted(weights)),
            "Weights: `low.cost` must be at least 0.0 and below inf, not -1.0",
        ),
        (
            layer().filters(Filters::new().min_quality(1.5)),
            "Filters: `min_quality` must be within 0.0 and 1.0, not 1.5",
        ),
        (
            layer().filters(Filters::new().max_latency(Duration::ZERO)),
            "Filters: `max_latency` must be at least 1ns, not 0ns",
        ),
        (
            layer().filters(Filters::new().max_price("-1")),
            "Filters: `max_price` must be at least $0.00, not -$1.00",
        ),
        (
            layer().half_life(Duration::ZERO, second),
            "CostRouteLayer: `half_life` must be within 100ms and 86400s, not 0ns",
        ),
        (
            layer().half_life(second, second * 8_640_001),
            "CostRouteLayer: `quality_half_life` must be within 100ms and 8640000s, not 8640001s",
        ),
        (
            layer().hysteresis(f64::NAN),
            "CostRouteLayer: `hysteresis` must be within 0.0 and 0.9, not NaN",
        ),
        (
            layer().explore_cap("-1"),
            "CostRouteLayer: `explore_cap` must be at least $0.00, not -$1.00",
        ),
        (
            layer().explore_cap("a lot"),
            "CostRouteLayer: `explore_cap` must be an amount: \"a lot\" is not an amount of money: ...",
        ),
        (
            layer().quota_wait(second * 3_601),
            "CostRouteLayer: `quota_wait` must be at most 3600s, not 3601s",
        ),
        (
            layer().hedge("-1"),
            "CostRouteLayer: `hedge` must be at least $0.00, not -$1.00",
        ),
        (
            layer().hedge("a lot"),
            "CostRouteLayer: `hedge` must be an amount: \"a lot\" is not an amount of money: ...",
        ),
        (
            layer().attempts(0),
            "CostRouteLayer: `attempts` must be at least 1, not 0",
        ),
        (
            layer().timeout(Duration::ZERO),
            "CostRouteLayer: `timeout` must be within 1ns and 31536000s, not 0ns",
        ),
        (
            layer().timeout(Duration::MAX),
            "CostRouteLayer: `timeout` must be within 1ns and 31536000s, not \
             18446744073709551615.999999999s",
        ),
        (
            layer().exchange_rate(yen(), "0"),
            "CostRouteLayer: `exchange_rate` cannot hold: one unit of JPY must be worth more \
             than nothing, in another currency than JPY, and not $0.00",
        ),
        (
            layer().exchange_rate(yen(), "a lot"),
            "CostRouteLayer: `exchange_rate` must be an amount: \"a lot\" is not an amount of money: ...",
        ),
        (
            layer().strict(Usage::default()),
            "CostRouteLayer: `strict` needs a `budget`, which it is about",
        ),
        (
            layer().attempts(0).hysteresis(2.0),
            "CostRouteLayer: `attempts` must be at least 1, not 0",
        ),
    ]);
}

#[test]
fn each_setting_of_a_budget_that_cannot_be_used_is_named_with_its_range() {
    let with = |caps: Vec<Cap>| over(provider("a", 1)).budget(Budget::new(caps));
    let cap = |name: &str| Cap::new(name, "1", Period::Day);
    refused([
        (with(vec![cap("")]), "Cap: `name` must not be empty"),
        (
            with(vec![cap("day"), Cap::new("b", "-1 EUR", Period::Month)]),
            "Cap: `limit` must be at least 0.00 EUR, not -1.00 EUR",
        ),
        (
            with(vec![Cap::new("day", "a lot", Period::Month)]),
            "Cap: `limit` must be an amount: \"a lot\" is not an amount of money: ...",
        ),
        (
            with(vec![cap("day"), cap("other"), cap("day")]),
            "Budget: `caps` must have names of their own, and two are \"day\"",
        ),
    ]);
}

#[test]
fn a_cap_that_cannot_be_used_lets_nothing_through() {
    let budget = Budget::new([Cap::new("day", "-1", Period::Day)]);
    assert!(budget.reserve(cents(1), "", "a", "").is_err());
}

#[test]
fn an_amount_in_a_currency_without_a_rate_is_named_with_what_would_do() {
    let stakes = Stakes::default().with(Priority::Low, Stake::new().second("1 JPY"));
    let most = Filters::new().max_price("2 JPY");
    let in_yen = || provider("jp", 0).price("1 JPY");
    let both = || CostRouteLayer::builder([in_yen(), provider("us", 1)]);
    let budget = || Budget::new([Cap::new("day", cents(100), Period::Day)]);
    let table = [
        (
            both().score(Score::Money(stakes)),
            "Stakes: `low.second` is 1.00 JPY, and no exchange rate leads from JPY to USD: set \
             what one JPY is worth by `exchange_rate`, or give the amount in USD",
        ),
        (
            both().explore_cap("9 JPY"),
            "CostRouteLayer: `explore_cap` is 9.00 JPY, and no exchange rate leads from JPY to \
             USD: set what one JPY is worth by `exchange_rate`, or give the amount in USD",
        ),
        (
            both().filters(most),
            "Filters: `max_price` is 2.00 JPY, and no exchange rate leads from JPY to USD: set \
             what one JPY is worth by `exchange_rate`, or give the amount in USD",
        ),
        (
            both().budget(budget()),
            "Cap: `limit` of \"day\" is $1.00, the provider \"jp\" has its prices in JPY, and no \
             exchange rate leads from JPY to USD: set what one JPY is worth by `exchange_rate`, \
             or give the cap in JPY",
        ),
    ];
    for (builder, says) in table {
        // A setting may come before the rate it needs.
        let with_rate = builder.clone().exchange_rate(yen(), "0.007").build();
        assert!(with_rate.is_ok(), "{says}");
        refused([(builder, says)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_added_later_is_checked_the_same_and_changes_nothing_if_refused() {
    let budget = Budget::new([Cap::new("day", cents(100), Period::Day)]);
    let builder = over(provider("us", 90)).budget(budget);
    let layer = builder.build().unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    let providers = layer.providers();
    let yen = "Cap: `limit` of \"day\" is $1.00, the provider \"us\" has its prices in JPY";
    let table = [
        (provider("us", 0).concurrency(0), "Provider: `concurrency`"),
        (provider("us", 0).price("-1"), "Tariff: `per_request`"),
        (provider("us", 0).price("1 JPY"), yen),
    ];
    for (refused, says) in table {
        let error = providers.put(refused).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
    for (refused, says) in [("1 JPY", yen), ("-1", "Tariff: `per_request`")] {
        let error = providers.set_price("us", refused).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
    for refused in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = providers.judge("us", refused).unwrap_err().to_string();
        assert!(error.starts_with("Providers: `quality` must be within 0.0 and 1.0"));
    }
    assert_eq!(providers.judge("us", 1.0), Ok(true));
    assert_eq!(providers.judge("them", 1.0), Ok(false));
    assert_eq!(providers.set_price("them", "1"), Ok(false));
    let decision = rig.get().await.decision.unwrap();
    assert_eq!(decision.expected, Some(cents(90)), "what it cost before");
}

#[tokio::test(start_paused = true)]
async fn handles_of_a_layer_watch_all_services_made_from_it_and_its_clones() {
    let layer = over(provider("a", 1)).build().unwrap();
    let (providers, figures) = (layer.providers(), layer.figures());
    let twin = layer.clone();
    assert!(providers.remove("a"));
    providers
        .put(provider("b", 1).latency(Duration::ZERO))
        .unwrap();
    for layer in [&layer, &twin] {
        assert_eq!(Rig::new(layer, |_| ok("fine")).get().await.from(), "b");
    }
    assert_eq!(layer.providers().names(), [Arc::from("b")]);
    let open = Rig::new(&twin, |_| ok("fine")).open(common::get()).await;
    assert_eq!(figures.json()["providers"][0]["in_flight"], 1);
    drop(open);
    assert_eq!(figures.json()["providers"][0]["in_flight"], 0);
    let _: [scrimp_cost_route::CostRoute<()>; 2] = [layer.layer(()), layer.services(|_| ())];
}
