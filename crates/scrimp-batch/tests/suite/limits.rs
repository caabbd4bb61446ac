//! Calls of JSON-RPC that met a limit of the upstream.

use crate::support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use parking_lot::Mutex;
use scrimp_batch::{BatchLayer, JsonRpc};
use scrimp_core::extensions::Deadline;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::Layer;

use support::{
    MS, Upstream,
    node::{Node, call, error, respond},
    send,
};

/// Refuses the calls of a batch whose numbers are odd, for the first `times` batches.
fn busy(
    times: usize,
    refusal: impl Fn(&Value) -> Value + Send + Sync + 'static,
) -> (Node, Upstream) {
    let (node, seen) = (Node::default(), Mutex::new(0));
    let carried_out = node.clone();
    let upstream = Upstream::new(move |request: Request<Bytes>| {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        *seen.lock() += 1;
        let now = *seen.lock();
        let answer = |call: &Value| match call["params"][0].as_u64().unwrap() % 2 {
            1 if now <= times => refusal(&call["id"]),
            _ => carried_out.carry_out(call),
        };
        let answers = body.as_array().unwrap().iter().map(answer).collect();
        std::future::ready(Ok(respond(200, &answers)))
    });
    (node, upstream)
}

#[tokio::test(start_paused = true)]
async fn calls_that_met_a_limit_are_sent_again_together_even_if_their_method_is_unsafe() {
    for (code, message) in [
        (429, "rate"),
        (-32_005, "limit exceeded"),
        (-32_016, "over rate limit"),
        (-32_029, "too many requests"),
        (-32_090, "too many requests"),
        (-32_097, "slow down"),
        (-32_007, "50/second request limit reached"),
        (-32_000, "exceeded its compute units per second capacity"),
    ] {
        let (node, upstream) = busy(2, move |id| error(id, code, message));
        let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
        let start = Instant::now();
        let answers = support::all(&layer, &upstream, (0..8).map(call)).await;
        for (n, answer) in answers.iter().enumerate() {
            assert!(
                answer.body().contains(&format!("\"result\":{n}")),
                "{code}: {answer:?}"
            );
        }
        assert!(
            node.carried_out.lock().values().all(|times| *times == 1),
            "{code}"
        );
        assert_eq!(
            upstream.calls(),
            3,
            "{code}: four calls again, twice, in one batch"
        );
        assert!(start.elapsed() >= 700 * MS, "{code}: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_as_long_as_the_error_asks_and_not_beyond_its_deadline() {
    let told = |id: &Value| {
        let mut error = error(id, 429, "slow down");
        error["error"]["data"] = json!({"rate": {"backoff_seconds": 4}});
        error
    };
    let (_, upstream) = busy(1, told);
    let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
    let service = layer.layer(upstream.clone());
    let start = Instant::now();
    let mut urgent = call(1);
    urgent
        .extensions_mut()
        .insert(Deadline(start + Duration::from_secs(3)));
    let calls = [call(0), urgent, call(3)].map(|call| send(service.clone(), call));
    let answers = join_all(calls).await;
    assert!(answers[1].as_ref().unwrap().body().contains("slow down"));
    assert!(answers[2].as_ref().unwrap().body().contains("\"result\":3"));
    assert!(start.elapsed() >= Duration::from_secs(4));
    // A wait beyond the layer's patience is not waited for.
    let (_, upstream) = busy(1, |id| error(id, 429, "retry in 60s"));
    let start = Instant::now();
    let answers = support::all(&layer, &upstream, (0..4).map(call)).await;
    assert!(answers[1].body().contains("retry in 60s") && start.elapsed() < MS * 100);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_call_that_may_have_been_carried_out_is_final() {
    for (code, message) in [
        (3, "execution reverted: rate limit exceeded"),
        (-32_005, "query returned more than 10000 results"),
        (-32_003, "transaction rejected"),
        (-32_000, "nonce too low"),
    ] {
        let (_, upstream) = busy(1, move |id| error(id, code, message));
        let layer = BatchLayer::builder(JsonRpc::new()).build().unwrap();
        let answers = support::all(&layer, &upstream, (0..8).map(call)).await;
        assert!(answers[1].body().contains(message));
        assert_eq!(upstream.calls(), 1, "{message}");
    }
}
