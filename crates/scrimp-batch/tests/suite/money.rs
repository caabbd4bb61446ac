//! Charges of the upstream, split over callers and booked.

use crate::support;

use http::{Request, Response};
use http_body_util::Full;
use scrimp_core::{
    Currency, Dimension, Ledger, Money, Problem, Totals,
    extensions::{Charge, CostTags, OtherCharges, Tenant, TenantShares},
};
use serde_json::{Value, json};

use support::{Upstream, all, get, layer};

#[tokio::test(start_paused = true)]
async fn the_charge_is_split_to_the_last_pico_dollar_and_booked() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let answers: Vec<_> = asked["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| json!({"id": item["id"], "status": 200, "body": 1}))
            .collect();
        let mut response = Response::new(Full::from(json!({"responses": answers}).to_string()));
        let price: Money = "0.05".parse().unwrap();
        response.extensions_mut().insert(Charge(price));
        Ok(response)
    });
    let ledger = Ledger::new();
    let layer = layer()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    let paths = ["/a", "/b", "/c", "/d", "/e", "/f", "/f"];
    let answers = all(&layer, &upstream, paths.map(get)).await;
    let charges = answers
        .iter()
        .map(|answer| answer.extensions().get::<Charge>().unwrap().0);
    assert_eq!(charges.collect::<Totals>().to_string(), "$0.05");
    let line = &ledger.lines()[0];
    let (made, avoided) = (line.calls_made, line.calls_avoided);
    assert_eq!(
        (made, avoided, line.spent.to_string()),
        (1, 6, "$0.05".into())
    );
    assert_eq!(line.saved.to_string(), "$0.06");
}

#[tokio::test(start_paused = true)]
async fn calls_charged_in_two_currencies_report_both() {
    // The batch is charged in dollars, and /b fails in it. Alone, /b is charged in yen.
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        let (body, price) = match serde_json::from_slice::<Value>(request.body()) {
            Ok(asked) => {
                let items = asked["requests"].as_array().unwrap().iter();
                let answers: Vec<_> = items
                    .map(|item| match &item["url"] {
                        url if url == "/b" => json!({"id": item["id"], "status": 503}),
                        _ => json!({"id": item["id"], "status": 200, "body": 1}),
                    })
                    .collect();
                (json!({"responses": answers}), "0.05 USD")
            }
            Err(_) => (json!(1), "3 JPY"),
        };
        let mut response = Response::new(Full::from(body.to_string()));
        let price: Money = price.parse().unwrap();
        response.extensions_mut().insert(Charge(price));
        Ok(response)
    });
    let paths = ["/a", "/b", "/b", "/c", "/d", "/e"].map(get);
    let answers = all(&layer().build().unwrap(), &upstream, paths).await;
    let mut paid = Totals::new();
    for answer in &answers {
        assert_eq!(answer.status(), 200);
        paid.add(answer.extensions().get::<Charge>().unwrap().0);
        if let Some(OtherCharges(others)) = answer.extensions().get() {
            paid.extend(others.iter());
        }
    }
    assert_eq!(paid.to_string(), "3.00 JPY + $0.05");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_avoids_no_call() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let items = asked["requests"].as_array().unwrap();
        let answer = |item: &Value| json!({"id": item["id"], "status": 200, "body": 1});
        let answers: Vec<_> = items.iter().map(answer).collect();
        let mut response = Response::new(Full::from(json!({"responses": answers}).to_string()));
        if items.len() > 4 {
            *response.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
            *response.body_mut() = Full::from("too large");
        }
        Ok(response)
    });
    let ledger = Ledger::new();
    let layer = layer()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    all(&layer, &upstream, (0..8).map(|n| get(&format!("/{n}")))).await;
    let line = &ledger.lines()[0];
    // One that was refused, and two that answered four callers each.
    assert_eq!((line.calls_made, line.calls_avoided), (3, 6));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_a_layer_inside_refuses_is_no_call_and_avoids_none() {
    let upstream = Upstream::new(|_: Request<bytes::Bytes>| async move {
        let refusal = Problem::new("cost-route", "budget", http::StatusCode::PAYMENT_REQUIRED);
        Ok(refusal.uncalled().response().map(Full::from))
    });
    let ledger = Ledger::new();
    let layer = layer()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    let answers = all(&layer, &upstream, (0..8).map(|n| get(&format!("/{n}")))).await;
    assert!(answers.iter().all(|answer| answer.status() == 402));
    assert_eq!(ledger.totals().calls_made, 0);
    assert_eq!(ledger.totals().calls_avoided, 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_booked_under_the_tags_of_each_request() {
    let upstream = Upstream::new(|request: Request<bytes::Bytes>| async move {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let items = asked["requests"].as_array().unwrap().iter();
        let answer = |item: &Value| json!({"id": item["id"], "status": 200, "body": 1});
        let answers: Vec<_> = items.map(answer).collect();
        let mut response = Response::new(Full::from(json!({"responses": answers}).to_string()));
        let price: Money = "0.05".parse().unwrap();
        response.extensions_mut().insert(Charge(price));
        Ok(response)
    });
    let ledger = Ledger::new();
    let layer = layer()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    let teams = ["a", "b", "a", "", "b", "a", "a"];
    let requests = (0..).zip(teams).map(|(n, team)| {
        let mut request = get(&format!("/{n}"));
        request.extensions_mut().insert(Tenant::from("t"));
        if !team.is_empty() {
            let tags = CostTags::new([("team", team)]);
            request.extensions_mut().insert(tags);
        }
        request
    });
    all(&layer, &upstream, requests).await;
    // The layers further in see the tenant, and the tags of all.
    let sent = &upstream.requests()[0];
    assert_eq!(sent.extensions().get(), Some(&Tenant::from("t")));
    assert!(sent.extensions().get::<CostTags>().is_none());
    let shares = sent.extensions().get::<TenantShares>().unwrap();
    assert_eq!(shares.callers_by_line(), [4, 2, 1]);

    let by = ledger.totals_by(Dimension::Tag("team"));
    let of = |team: &str| {
        let totals = &by[team];
        let money = [&totals.spent, &totals.saved].map(|all| all.get(Currency::USD).pico());
        (totals.calls_made, money[0], money[1])
    };
    let cent = 10_000_000_000;
    let parts = [of("a"), of("b"), of("")];
    assert_eq!(parts.iter().map(|part| part.1).sum::<i128>(), 5 * cent);
    assert_eq!(parts.map(|part| part.0), [1, 0, 0]);
    assert_eq!(parts.map(|part| part.2), [3 * cent, 2 * cent, cent]);
    assert!(parts[0].1.abs_diff(4 * parts[2].1) <= 8, "{parts:?}");
    assert_eq!(by.len(), 3);
}
