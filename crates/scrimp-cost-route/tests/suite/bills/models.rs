//! Prices of models, and models that a provider does not have.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use scrimp_core::{
    Ledger,
    extensions::{CalledModel, Tenant, TenantShares},
};
use scrimp_cost_route::{Budget, Cap, CostRouteLayer, Hints, Period, Price, Provider, RequestBody};
use tower::{Layer, ServiceExt, service_fn};

use super::{
    common::{Rig, cents, ok, provider, status},
    post, tariff,
};

#[tokio::test(start_paused = true)]
async fn one_provider_has_a_price_for_each_model() {
    let budget = Budget::new([Cap::new("day", cents(100), Period::Day)]);
    let models = Provider::new("hub")
        .endpoint("http://hub")
        .model("small", "0.01")
        .model("large", "0.10");
    let layer = CostRouteLayer::builder([models])
        .budget(budget.clone())
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    for (body, spent) in [("{\"model\":\"small\"}", 1), ("{\"model\":\"large\"}", 11)] {
        rig.send(post(body)).await;
        assert_eq!(budget.report()[0].spent, cents(spent));
    }
    let mut hinted = post("not JSON");
    hinted.extensions_mut().insert(Hints::new().model("small"));
    rig.send(hinted).await;
    assert_eq!(budget.report()[0].spent, cents(12));
    // Its price is not known, so the cap could not hold.
    let answer = rig.send(post("{\"model\":\"smal\"}")).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answer.json()["type"], "urn:scrimp:cost-route:unpriced");
    assert_eq!(rig.upstream.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_cheaper_provider_of_a_model_is_chosen_for_it() {
    let hub = |name: &str, small: &str, large: &str| {
        Provider::new(name)
            .endpoint(format!("http://{name}"))
            .model("small", small)
            .model("large", large)
    };
    let layer = CostRouteLayer::builder([hub("a", "0.01", "0.2"), hub("b", "0.02", "0.1")])
        .explore(false)
        .build()
        .unwrap();
    let rig = Rig::new(&layer, |_| ok("fine"));
    for _ in 0..3 {
        assert_eq!(rig.send(post("{\"model\":\"small\"}")).await.from(), "a");
        assert_eq!(rig.send(post("{\"model\":\"large\"}")).await.from(), "b");
    }
}

#[test]
fn an_unknown_price_under_a_cap_is_named_when_the_layer_is_built() {
    let build = |provider: Provider, allow: bool| {
        CostRouteLayer::builder([provider])
            .budget(Budget::new([Cap::new("day", cents(1), Period::Day)]))
            .unknown_prices(allow)
            .build()
    };
    let says = build(Provider::new("new"), false).unwrap_err().to_string();
    assert!(
        says.contains("\"new\"") && says.contains("\"day\""),
        "{says}"
    );
    let model = Provider::new("hub").model("m", Price::Unknown);
    let says = build(model, false).unwrap_err().to_string();
    assert!(says.contains("\"hub\" for the model \"m\""), "{says}");
    let layer = build(Provider::new("new"), true).unwrap();
    assert!(layer.providers().put(Provider::new("other")).is_ok());
    let layer = build(provider("a", 1), false).unwrap();
    assert!(layer.providers().put(Provider::new("other")).is_err());
    assert!(layer.providers().set_price("a", Price::Unknown).is_err());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_wrong_keys_and_invented_models_eject_no_provider() {
    let providers = [
        provider("cheap", 1).bearer("its own"),
        provider("dear", 5).bearer("its own too"),
    ];
    let layer = CostRouteLayer::builder(providers)
        .explore(false)
        .build()
        .unwrap();
    let (client, upstream) = scrimp_testkit::Scripted::answering(|parts| {
        if parts.headers.contains_key("x-api-key") {
            status(401)
        } else if parts.uri.path().contains("invented") {
            status(404)
        } else {
            ok("fine")
        }
    });
    let rig = Rig {
        service: tower::Layer::layer(&layer, client),
        upstream,
    };
    for n in 0..10_000 {
        let mut wrong = post("{\"model\":\"m\"}");
        wrong.headers_mut().insert("x-api-key", n.into());
        assert_eq!(rig.send(wrong).await.status, StatusCode::UNAUTHORIZED);
        let invented = Request::post(format!("/v1/models/invented-{n}:generateContent"));
        let answer = rig.send(invented.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert_eq!(rig.send(post("{\"model\":\"m\"}")).await.from(), "cheap");
    let figures = layer.figures().json();
    for provider in figures["providers"].as_array().unwrap() {
        assert_eq!(provider["health"], "up", "{provider}");
    }
    assert!(
        layer.stats().spent == cents(1).into(),
        "{:?}",
        layer.stats().spent
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_booked_under_its_model_with_its_tokens() {
    let ledger = Ledger::new();
    let hub = provider("hub", 1).model("small", tariff());
    let layer = CostRouteLayer::builder([hub]).ledger(ledger.clone());
    let rig = Rig::new(&layer.build().unwrap(), |_| {
        ok(r#"{"usage":{"prompt_tokens":1200,"completion_tokens":300}}"#)
    });
    let tenants = [(1, "a"), (2, "b")].map(|(weight, name)| (weight, Some(Tenant::from(name))));
    let mut shared = post(r#"{"model":"small"}"#);
    shared.extensions_mut().insert(TenantShares::new(tenants));
    for request in [post(r#"{"model":"small"}"#), shared, post("{}")] {
        rig.send(request).await;
    }
    let lines = ledger.lines();
    let said: Vec<_> = lines
        .iter()
        .map(|line| (&*line.tenant, &*line.model, line.tokens_in, line.tokens_out))
        .collect();
    assert_eq!(
        said,
        [
            // A price by the request says nothing of tokens.
            ("", "", 0, 0),
            ("", "small", 1200, 300),
            ("a", "small", 400, 100),
            ("b", "small", 800, 200),
        ]
    );
    assert_eq!(ledger.totals().calls_made, 3);
}

#[tokio::test(start_paused = true)]
async fn a_response_names_the_model_that_its_call_is_priced_by() {
    let hub = provider("hub", 0).model("small", tariff());
    let layer = CostRouteLayer::builder([hub]).build().unwrap();
    let answer = |_: Request<RequestBody<Full<Bytes>>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("{}")))
    };
    let service = layer.layer(service_fn(answer));
    let response = service.oneshot(post(r#"{"model":"small"}"#)).await.unwrap();
    let model = response.extensions().get::<CalledModel>();
    assert_eq!(model, Some(&CalledModel::from("small")));
}
