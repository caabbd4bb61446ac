//! Failures: the callers that get the error, and the caller that retries.

use crate::rig;

use futures_util::future::join_all;
use rig::{Read, answer, at_once, begun, fetch, get, over, settled};
use scrimp_coalesce::{CoalesceLayer, OnError, ReuseWindow};
use scrimp_core::{BoxError, Ledger};
use scrimp_testkit::{Gate, Reply, Scripted, ScriptedBody};
use std::time::Duration;
use tower::Layer;

/// Sends a hundred calls to an upstream that waits for the gate once, and later answers at once.
async fn a_hundred(
    layer: &CoalesceLayer,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> (Vec<Result<Read, BoxError>>, usize) {
    let gate = Gate::new();
    let (service, upstream) = over(layer, {
        let gate = gate.clone();
        move |_| reply().gate(&gate)
    });
    let calls = (0..100).map(|_| tokio::spawn(fetch(service.clone(), get("/"))));
    let calls: Vec<_> = calls.collect();
    settled().await;
    gate.open();
    let answers = join_all(calls).await.into_iter().map(Result::unwrap);
    let answers = answers.collect();
    assert_eq!(layer.stats().in_flight, 0);
    (answers, upstream.calls())
}

fn unavailable() -> Reply {
    let mut response = answer(&[], ScriptedBody::new().data("down"));
    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    Reply::respond(response)
}

#[tokio::test(start_paused = true)]
async fn one_error_is_shared_by_all_who_waited() {
    let layer = CoalesceLayer::new();
    let (answers, calls) = a_hundred(&layer, || Reply::error("down")).await;
    assert_eq!(calls, 1);
    let told = answers.iter().filter(|answer| {
        let error = answer.as_ref().unwrap_err();
        error
            .source()
            .is_some_and(|source| source.to_string() == "down")
    });
    assert_eq!(told.count(), 100);
    assert_eq!(layer.stats().errors_shared, 99);
}

#[tokio::test(start_paused = true)]
async fn a_failing_upstream_is_called_as_often_as_the_bound_says_and_not_by_everybody() {
    for attempts in [1, 2, 5] {
        let layer = CoalesceLayer::builder()
            .on_error(OnError::Reelect { attempts })
            .build()
            .unwrap();
        let (answers, calls) = a_hundred(&layer, || Reply::error("down")).await;
        assert_eq!(calls, attempts as usize);
        assert!(answers.iter().all(Result::is_err));
        let layer = CoalesceLayer::builder()
            .on_error(OnError::Reelect { attempts })
            .build()
            .unwrap();
        let (answers, calls) = a_hundred(&layer, unavailable).await;
        assert_eq!(calls, attempts as usize);
        let down = |answer: &Result<Read, _>| answer.as_ref().unwrap().status == 503;
        assert!(answers.iter().all(down));
    }
}

#[tokio::test(start_paused = true)]
async fn another_try_may_succeed_for_all_but_the_one_that_failed() {
    let layer = CoalesceLayer::builder()
        .on_error(OnError::Reelect { attempts: 3 })
        .build()
        .unwrap();
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let (answers, calls) = a_hundred(&layer, move || {
        match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::error("reset"),
            1 => unavailable(),
            _ => Reply::body(ScriptedBody::new().data("fine")),
        }
    })
    .await;
    assert_eq!(calls, 3);
    let fine = |answer: &&Result<Read, _>| answer.as_ref().is_ok_and(|read| read.body == "fine");
    assert_eq!(answers.iter().filter(fine).count(), 98);
    assert_eq!((layer.stats().led, layer.stats().retried), (1, 2));
    assert_eq!(layer.stats().calls, 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_a_failure_tries_again_if_those_who_wait_do_not() {
    let layer = CoalesceLayer::builder()
        .on_error(OnError::Reelect { attempts: 2 })
        .build()
        .unwrap();
    let gate = Gate::new();
    let (inner, upstream) = Scripted::script([
        Reply::error("reset").gate(&gate),
        Reply::body(ScriptedBody::new().data("fine")),
    ]);
    let service = layer.layer(inner);
    let mut leader = begun(fetch(service.clone(), get("/")));
    let _asleep = begun(fetch(service.clone(), get("/")));
    gate.open();
    assert!(leader.poll_now().is_ready());
    assert_eq!(at_once(fetch(service, get("/"))).unwrap().body, "fine");
    assert_eq!(upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_are_booked_as_made_and_as_avoided() {
    let ledger = Ledger::new();
    let layer = CoalesceLayer::builder()
        .ledger(ledger.clone())
        .price("0.01")
        .build()
        .unwrap();
    let (_, calls) = a_hundred(&layer, || Reply::error("down")).await;
    let lines = ledger.lines();
    assert_eq!(calls, 1);
    assert_eq!((lines[0].calls_made, lines[0].calls_avoided), (1, 99));
}

#[tokio::test(start_paused = true)]
async fn failing_answers_are_shared_like_any_other_by_default() {
    let (answers, calls) = a_hundred(&CoalesceLayer::new(), unavailable).await;
    assert_eq!(calls, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().body == "down")
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_is_given_again_for_a_second_and_no_longer() {
    let clock = scrimp_core::Clock::system();
    let layer = CoalesceLayer::builder()
        .clock(clock)
        .window(ReuseWindow::new())
        .build()
        .unwrap();
    let (service, upstream) = over(&layer, |_| Reply::error("down"));
    for _ in 0..10 {
        let error = fetch(service.clone(), get("/")).await.unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "down");
    }
    assert_eq!(upstream.calls(), 1);
    tokio::time::advance(Duration::from_millis(1_001)).await;
    fetch(service, get("/")).await.unwrap_err();
    assert_eq!(upstream.calls(), 2);
}
