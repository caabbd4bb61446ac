//! Callers that leave, and the rest of their batch.

use crate::support;

use std::{panic::AssertUnwindSafe, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use scrimp_batch::{BatchLayer, BatchLayerBuilder, BatchWindow, RateLimit, RestJson};
use scrimp_core::extensions::{Priority, Tenant};
use scrimp_testkit::{Gate, PollCounter};
use serde_json::json;
use tokio::time::Instant;
use tower::{Layer, Service};

use support::{MS, Upstream, get, post, send, status};

fn layer() -> BatchLayerBuilder<RestJson> {
    BatchLayer::builder(RestJson::new("/batch")).window(BatchWindow::fixed(50 * MS))
}

fn echo() -> Upstream {
    Upstream::rest(|url, _| status(200, json!(url)))
}

#[tokio::test(start_paused = true)]
async fn requests_whose_callers_have_left_are_not_paid_for() {
    let (upstream, layer) = (echo(), layer().build().unwrap());
    let service = layer.layer(upstream.clone());
    let calls: Vec<_> = (0..10)
        .map(|n| tokio::spawn(send(service.clone(), get(&format!("/{n}")))))
        .collect();
    tokio::time::sleep(MS).await;
    calls
        .iter()
        .take(7)
        .for_each(tokio::task::JoinHandle::abort);
    for (n, call) in calls.into_iter().enumerate().skip(7) {
        assert_eq!(call.await.unwrap().unwrap().body(), &format!("\"/{n}\""));
    }
    assert_eq!(upstream.json(0)["requests"].as_array().unwrap().len(), 3);
    assert_eq!(layer.stats().items, 3);
}

#[tokio::test(start_paused = true)]
async fn any_subset_may_leave_a_batch_in_flight_and_the_others_get_their_answers() {
    for leavers in 0..1_u32 << 6 {
        let gate = Gate::new();
        let halted = {
            let gate = gate.clone();
            Upstream::new(move |request: Request<Bytes>| {
                let gate = gate.clone();
                async move {
                    gate.opened().await;
                    let asked: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
                    let asked = asked["requests"].as_array().unwrap().clone();
                    let answers: Vec<_> = asked
                        .iter()
                        .map(|item| json!({"id": item["id"], "status": 200, "body": item["url"]}))
                        .collect();
                    Ok(Response::new(Full::from(
                        json!({"responses": answers}).to_string(),
                    )))
                }
            })
        };
        let service = layer().build().unwrap().layer(halted.clone());
        let calls: Vec<_> = (0..6)
            .map(|n| tokio::spawn(send(service.clone(), get(&format!("/{n}")))))
            .collect();
        gate.reached(1).await;
        let leaves = |n: usize| leavers >> n & 1 == 1;
        calls
            .iter()
            .enumerate()
            .filter(|(n, _)| leaves(*n))
            .for_each(|(_, call)| call.abort());
        tokio::time::sleep(MS).await;
        assert_eq!(
            gate.waiting(),
            usize::from(leavers != (1 << 6) - 1),
            "cancelled if all have left"
        );
        gate.open();
        for (n, call) in calls.into_iter().enumerate().filter(|(n, _)| !leaves(*n)) {
            assert_eq!(call.await.unwrap().unwrap().body(), &format!("\"/{n}\""));
        }
        assert_eq!(halted.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_of_high_priority_is_sent_at_once_with_all_others_in_line() {
    let upstream = echo();
    let service = layer().build().unwrap().layer(upstream.clone());
    let start = Instant::now();
    let mut urgent = get("/now");
    urgent.extensions_mut().insert(Priority::High);
    let calls = [get("/1"), urgent, get("/2")].map(|request| send(service.clone(), request));
    join_all(calls).await;
    assert_eq!((upstream.calls(), start.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn tenants_that_share_batches_get_equal_shares() {
    let upstream = echo();
    let layer = layer()
        .share_tenants()
        .max_items(10)
        .concurrency(1)
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    let request = |tenant: &str, n: usize| {
        let mut request = get(&format!("/{tenant}/{n}"));
        request.extensions_mut().insert(Tenant(tenant.into()));
        request
    };
    let many = (0..100).map(|n| request("many", n));
    let calls = many.chain((0..5).map(|n| request("few", n)));
    join_all(calls.map(|request| send(service.clone(), request))).await;
    let first = upstream.json(0)["requests"].clone();
    let few = first
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["url"].as_str().unwrap().starts_with("/few"));
    assert_eq!(few.count(), 5);
    assert_eq!(upstream.calls(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_callers_left_before_it_began_is_not_made() {
    let upstream = echo();
    let limit = Blocked::default();
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .rate_limit(limit.clone())
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    let calls: Vec<_> = (0..3)
        .map(|n| tokio::spawn(send(service.clone(), get(&format!("/{n}")))))
        .collect();
    limit.0.reached(1).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    limit.0.open();
    tokio::time::sleep(MS).await;
    assert_eq!(upstream.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_response_future_that_is_polled_after_completion_panics_with_the_reason() {
    let service = layer().build().unwrap().layer(echo());
    // One in a batch, and one that passes through.
    for request in [get("/1"), post("/2", vec![b' '; 70_000])] {
        let mut call = PollCounter::new(service.clone().call(request));
        (&mut call).await.unwrap();
        let again = std::panic::catch_unwind(AssertUnwindSafe(|| call.poll_now().is_ready()));
        let reason = again.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(*reason, "a response future is not polled after completion");
    }
}

/// A rate limit that lets no request through until its gate opens.
#[derive(Clone, Default)]
struct Blocked(Gate);

impl RateLimit for Blocked {
    fn take(&self, _: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { self.0.opened().await })
    }
}
