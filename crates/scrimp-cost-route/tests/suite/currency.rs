//! Amounts of more than one currency.

use crate::common;

use std::time::Duration;

use common::{Rig, cents, get, money, ok, provider, two, yen};
use http::StatusCode;
use scrimp_core::{Currency, extensions::Priority};
use scrimp_cost_route::{
    CostRouteLayer, Filters, Hints, Provider, Score, Scored, Stake, Stakes, Tariff,
};

#[tokio::test(start_paused = true)]
async fn currencies_are_compared_by_the_rate_that_was_given() {
    let builder = CostRouteLayer::builder([in_yen(), provider("us", 1)]).explore(false);
    let layer = builder.clone().build().unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    assert_eq!(
        rig.get().await.from(),
        "us",
        "an amount that cannot be compared"
    );
    for (currency, worth) in [(yen(), "0.007 USD"), (Currency::USD, "142 JPY")] {
        let builder = builder.clone().exchange_rate(currency, worth);
        let rig = Rig::new(&builder.build().unwrap(), |_| ok("fine"));
        assert_eq!(rig.get().await.from(), "jp", "{worth}");
    }
}

#[tokio::test(start_paused = true)]
async fn stakes_are_converted_by_the_given_rate() {
    // A saving of ten seconds is worth ten yen: seven cents, not ten dollars.
    let stake = Stake::new().second("1 JPY").failure("1000 JPY");
    let stakes = Score::Money(Stakes::default().with(Priority::Default, stake));
    let slow = || provider("slow", 1).latency(Duration::from_secs(11));
    let from = async |dear: i128| {
        let fast = provider("fast", dear).latency(Duration::from_secs(1));
        let layer = CostRouteLayer::builder([slow(), fast])
            .explore(false)
            .score(stakes.clone())
            .exchange_rate(yen(), "0.007")
            .build()
            .unwrap();
        let answer = Rig::new(&layer, |_| ok("fine")).get().await;
        let score = answer.decision.as_ref().unwrap().score;
        assert!(
            matches!(score, Scored::Money(all) if all < cents(10)),
            "{score}"
        );
        answer.from().to_owned()
    };
    assert_eq!(from(7).await, "fast", "six cents more");
    assert_eq!(from(9).await, "slow", "eight cents more");
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_the_price_is_converted_by_the_given_rate() {
    let most = |price| Filters::new().max_price(price);
    let builder = CostRouteLayer::builder([provider("a", 1)]).exchange_rate(yen(), "0.007");
    for (price, status) in [("1 JPY", 503), ("2 JPY", 200)] {
        let layer = builder.clone().filters(most(price)).build().unwrap();
        let rig = Rig::new(&layer, |_| ok("fine"));
        assert_eq!(rig.get().await.status.as_u16(), status, "{price}");
        // The stricter limit applies, in any currency.
        let layer = builder.clone().filters(most("0.5 USD")).build().unwrap();
        let rig = Rig::new(&layer, |_| ok("fine"));
        let mut request = get();
        let hints = Hints::new().filters(most(price));
        request.extensions_mut().insert(hints);
        assert_eq!(rig.send(request).await.status.as_u16(), status, "{price}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_limit_on_the_price_cannot_be_compared_is_refused() {
    let rig = Rig::new(&two().build().unwrap(), |_| ok("fine"));
    let mut request = get();
    let filters = Filters::new().max_price("1000 JPY");
    request
        .extensions_mut()
        .insert(Hints::new().filters(filters));
    let answer = rig.send(request).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        answer.json()["type"],
        "urn:scrimp:cost-route:no-exchange-rate"
    );
    assert!(rig.asked().is_empty());
}

/// Makes a provider that charges one yen a request.
fn in_yen() -> Provider {
    provider("jp", 0).price(Tariff::new(yen()).per_request(money("1 JPY")))
}
