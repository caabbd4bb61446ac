//! Charges of the upstream, split over callers and booked.

use crate::support;

use http::{Request, Response};
use http_body_util::Full;
use scrimp_core::{
    Ledger, Money, Totals,
    extensions::{Charge, OtherCharges},
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
