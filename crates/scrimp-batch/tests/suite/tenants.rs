//! Batches of several tenants: who pays, and who is left out.

use crate::support;

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_batch::{BatchLayer, RestJson};
use scrimp_core::{
    Ledger, Money, Problem,
    extensions::{Charge, RefusedTenants, Tenant, TenantShares},
};
use serde_json::{Value, json};
use support::get;
use tower::{Layer, ServiceExt, service_fn};

/// Tenants of a call, each with the number of its callers.
type Payers = Vec<(String, u64)>;
type Answer = Response<Full<Bytes>>;

fn payers(request: &Request<Full<Bytes>>) -> Payers {
    let one = |tenant: &Tenant| (tenant.0.to_string(), 1);
    match request.extensions().get::<TenantShares>() {
        Some(shares) => {
            assert_eq!(request.extensions().get::<Tenant>(), None);
            let names = shares.tenants().iter().map(|tenant| tenant.0.to_string());
            names.zip(shares.callers().iter().copied()).collect()
        }
        None => request.extensions().get().map(one).into_iter().collect(),
    }
}

/// Refuses tenants, as a layer with a budget does.
fn refusal(tenants: &[&str]) -> Answer {
    let problem = Problem::new("cost-route", "budget", StatusCode::PAYMENT_REQUIRED);
    let each = tenants
        .iter()
        .map(|name| (Tenant::from(*name), problem.clone()));
    let mut response = problem.response().map(Full::from);
    response
        .extensions_mut()
        .insert(each.collect::<RefusedTenants>());
    response
}

/// Answers each item with a status.
fn answered(body: &Bytes, status: impl Fn(&str) -> u16) -> Answer {
    let Ok(asked) = serde_json::from_slice::<Value>(body) else {
        return Response::new(Full::from("1"));
    };
    let items = asked["requests"].as_array().unwrap().iter();
    let answers: Vec<_> = items
        .map(|item| json!({"id": item["id"], "status": status(item["url"].as_str().unwrap()), "body": 1}))
        .collect();
    Response::new(Full::from(json!({ "responses": answers }).to_string()))
}

/// Sends requests of tenants at the same moment, over a layer whose nth call is answered by a
/// function. Returns the statuses, and the payers of each call.
async fn send(
    layer: &BatchLayer<RestJson>,
    requests: &[(&str, &str)],
    answer: impl Fn(usize, &Bytes) -> Answer + Send + Sync + 'static,
) -> (Vec<u16>, Vec<Payers>) {
    let calls = Arc::<Mutex<Vec<Payers>>>::default();
    let (seen, answer) = (Arc::clone(&calls), Arc::new(answer));
    let service = layer.layer(service_fn(move |request: Request<Full<Bytes>>| {
        let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
        async move {
            let call = {
                let mut seen = seen.lock();
                seen.push(payers(&request));
                seen.len() - 1
            };
            let body = request.into_body().collect().await?.to_bytes();
            Ok::<_, Infallible>(answer(call, &body))
        }
    }));
    let sent = requests.iter().map(|(tenant, path)| {
        let mut request = get(path);
        request.extensions_mut().insert(Tenant::from(*tenant));
        service.clone().oneshot(request)
    });
    let statuses = join_all(sent).await.into_iter();
    let statuses = statuses.map(|answer| answer.unwrap().status().as_u16());
    (statuses.collect(), std::mem::take(&mut *calls.lock()))
}

fn names(payers: &[Payers]) -> Vec<Vec<&str>> {
    let each = payers.iter();
    each.map(|call| call.iter().map(|(name, _)| name.as_str()).collect())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_rest_goes_one_by_one_if_another_tenant_is_refused_in_the_second_round() {
    let layer = support::layer().share_tenants().build().unwrap();
    let requests = [("a", "/a"), ("b", "/b"), ("c", "/c"), ("d", "/d")];
    let (statuses, calls) = send(&layer, &requests, |call, body| match call {
        0 => refusal(&["a"]),
        1 => refusal(&["b"]),
        _ => answered(body, |_| 200),
    })
    .await;
    assert_eq!(statuses, [402, 402, 200, 200]);
    let expected = [&["a", "b", "c", "d"][..], &["b", "c", "d"], &["c"], &["d"]];
    assert_eq!(names(&calls), expected);
    let stats = layer.stats();
    assert_eq!((stats.left_out, stats.calls, stats.batches), (2, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_an_answer_for_two_tenants_is_paid_by_both_or_by_the_one_that_may() {
    let layer = support::layer().share_tenants().build().unwrap();
    let requests = [("a", "/same"), ("b", "/same"), ("c", "/c"), ("d", "/d")];
    let (statuses, calls) = send(&layer, &requests, |call, body| match call {
        0 => answered(body, |url| if url == "/same" { 503 } else { 200 }),
        1 => refusal(&["a"]),
        _ => answered(body, |_| 200),
    })
    .await;
    assert_eq!(statuses, [402, 200, 200, 200]);
    let expected = [&["a", "b", "c", "d"][..], &["a", "b"], &["b"]];
    assert_eq!(names(&calls), expected);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_tenants_that_are_not_in_the_batch_is_an_answer_like_any_other() {
    let layer = support::layer().share_tenants().build().unwrap();
    let requests = [("a", "/a"), ("b", "/b")];
    let (statuses, calls) = send(&layer, &requests, |_, _| refusal(&["x"])).await;
    assert_eq!((statuses, calls.len()), (vec![402, 402], 1));
}

#[tokio::test(start_paused = true)]
async fn the_ledger_has_each_tenants_part_of_the_cost_and_the_calls_it_avoided() {
    let ledger = Ledger::new();
    let layer = support::layer()
        .share_tenants()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    let requests = [("a", "/1"), ("b", "/2"), ("b", "/3"), ("b", "/1")];
    send(&layer, &requests, |_, body| {
        let mut response = answered(body, |_| 200);
        let price: Money = "0.06".parse().unwrap();
        response.extensions_mut().insert(Charge(price));
        response
    })
    .await;
    let lines = ledger.lines();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            let (spent, saved) = (line.spent.to_string(), line.saved.to_string());
            (
                &*line.tenant,
                line.calls_made,
                spent,
                line.calls_avoided,
                saved,
            )
        })
        .collect();
    // Two cents an item; /1 is shared by both.
    let expected = [
        ("a", 1, "$0.01".to_owned(), 0, "$0.00".to_owned()),
        ("b", 0, "$0.05".to_owned(), 3, "$0.03".to_owned()),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_one_tenant_is_charged_to_it_as_ever() {
    let layer = support::layer().share_tenants().build().unwrap();
    let (_, calls) = send(&layer, &[("a", "/a"), ("a", "/b")], |_, body| {
        answered(body, |_| 200)
    })
    .await;
    assert_eq!(calls, [[("a".to_owned(), 1)]]);
}

#[tokio::test(start_paused = true)]
async fn tenants_that_are_all_refused_get_each_its_own_refusal() {
    let layer = support::layer().share_tenants().build().unwrap();
    let requests = [("a", "/a"), ("b", "/b"), ("c", "/b")];
    let (statuses, calls) = send(&layer, &requests, |_, _| refusal(&["a", "b", "c"])).await;
    assert_eq!((statuses, calls.len()), (vec![402; 3], 1));
    assert_eq!(layer.stats().left_out, 3);

    // The same for an answer that is retried for two of them.
    let (statuses, calls) = send(&layer, &requests, |call, body| match call {
        0 => answered(body, |url| if url == "/b" { 503 } else { 200 }),
        _ => refusal(&["b", "c"]),
    })
    .await;
    assert_eq!(statuses, [200, 402, 402]);
    assert_eq!(names(&calls), [&["a", "b", "c"][..], &["b", "c"]]);
}
