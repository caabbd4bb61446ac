//! Batches of any requests: callers that leave, and calls that fail.

use crate::support;

use std::{
    convert::Infallible, error::Error, future::ready, panic::AssertUnwindSafe, sync::Arc,
    time::Duration,
};

use futures_util::future::join;
use parking_lot::Mutex;
use scrimp_batch::{BatchWindow, GroupError, GroupLayer};
use scrimp_core::BoxError;
use scrimp_testkit::PollCounter;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

use support::{
    MS,
    double::{Double, PANIC},
};

#[tokio::test(start_paused = true)]
async fn a_request_whose_caller_leaves_the_line_is_not_sent_and_the_rest_are_answered() {
    let double = Double::new();
    let service = GroupLayer::builder()
        .window(BatchWindow::fixed(50 * MS))
        .build()
        .unwrap()
        .layer(double.clone());
    let mut calls: Vec<_> = (0..20)
        .map(|n| Some(tokio::spawn(service.clone().oneshot(n))))
        .collect();
    tokio::time::sleep(MS).await;
    for call in calls.iter_mut().step_by(2) {
        call.take().unwrap().abort();
    }
    for (n, call) in (0..).zip(calls) {
        if let Some(call) = call {
            assert_eq!(call.await.unwrap(), Ok(n * 2));
        }
    }
    let odd: Vec<u64> = (0..20).filter(|n| n % 2 == 1).collect();
    assert_eq!(double.batches(), [odd]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_all_callers_have_left_and_the_next_is_served() {
    let double = Double::new();
    let service = GroupLayer::builder()
        .window(BatchWindow::fixed(50 * MS))
        .build()
        .unwrap()
        .layer(double.clone());
    let calls: Vec<_> = (0..9)
        .map(|n| tokio::spawn(service.clone().oneshot(n)))
        .collect();
    tokio::time::sleep(MS).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    tokio::time::sleep(100 * MS).await;
    assert!(double.batches().is_empty());
    assert_eq!(service.oneshot(3).await, Ok(6));
}

#[tokio::test(start_paused = true)]
async fn the_call_is_cancelled_when_its_last_caller_leaves_and_not_before() {
    struct Mark(Arc<Mutex<u32>>);
    impl Drop for Mark {
        fn drop(&mut self) {
            *self.0.lock() += 1;
        }
    }
    let cancelled = Arc::new(Mutex::new(0));
    let inner = service_fn({
        let cancelled = Arc::clone(&cancelled);
        move |_: Vec<u64>| {
            let mark = Mark(Arc::clone(&cancelled));
            async move {
                let _mark = mark;
                std::future::pending::<Result<Vec<u64>, Infallible>>().await
            }
        }
    });
    let service = GroupLayer::builder()
        .timeout(None)
        .build()
        .unwrap()
        .layer(inner);
    let one = tokio::spawn(service.clone().oneshot(1));
    let two = tokio::spawn(service.clone().oneshot(2));
    tokio::time::sleep(MS).await;
    one.abort();
    tokio::time::sleep(MS).await;
    assert_eq!(*cancelled.lock(), 0);
    two.abort();
    tokio::time::sleep(MS).await;
    assert_eq!(*cancelled.lock(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_affects_only_the_callers_of_its_batch() {
    let double = Double::new();
    let service = GroupLayer::new().layer(double);
    let answers = join(service.clone().oneshot(PANIC), service.clone().oneshot(1)).await;
    assert_eq!(answers, (Err(GroupError::Lost), Err(GroupError::Lost)));
    assert_eq!(service.oneshot(1).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_fails_its_batch_with_the_cause_and_the_next_is_served() {
    let down = Arc::new(Mutex::new(true));
    let inner = service_fn({
        let down = Arc::clone(&down);
        move |items: Vec<u64>| {
            let down = *down.lock();
            ready(if down {
                Err(BoxError::from("down"))
            } else {
                Ok(items)
            })
        }
    });
    let service = GroupLayer::new().layer(inner);
    let (one, two) = join(service.clone().oneshot(1), service.clone().oneshot(2)).await;
    for failed in [one, two] {
        let Err(GroupError::Upstream(error)) = failed else {
            panic!("{failed:?}");
        };
        assert_eq!(error.to_string(), "down");
        assert_eq!(
            GroupError::Upstream(error).source().unwrap().to_string(),
            "down"
        );
    }
    *down.lock() = false;
    assert_eq!(service.oneshot(1).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_is_given_up() {
    let double = Double::slow(Duration::from_secs(60));
    let limit = Duration::from_secs(5);
    let service = GroupLayer::new().layer(double);
    let start = Instant::now();
    assert_eq!(service.oneshot(1).await, Err(GroupError::TimedOut(limit)));
    assert_eq!(start.elapsed(), limit);
}

#[tokio::test(start_paused = true)]
async fn a_group_future_that_is_polled_after_completion_panics_with_the_reason() {
    let mut service = GroupLayer::new().layer(Double::new());
    let mut call = PollCounter::new(service.call(1));
    assert_eq!((&mut call).await, Ok(2));
    let again = std::panic::catch_unwind(AssertUnwindSafe(|| call.poll_now().is_ready()));
    let reason = again.unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(*reason, "a group future is not polled after completion");
}

#[test]
fn requests_of_a_runtime_that_shuts_down_are_lost_and_the_lane_goes_on() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (one, two) = (runtime(), runtime());
    let layer = GroupLayer::builder()
        .window(BatchWindow::fixed(Duration::from_secs(3_600)))
        .build()
        .unwrap();
    let service = layer.layer(Double::new());
    let mut call = PollCounter::new(service.clone().oneshot(1));
    // The first poll starts the task on the first runtime.
    one.block_on(async { assert!(call.poll_now().is_pending()) });
    drop(one);
    two.block_on(async {
        assert_eq!(call.await, Err(GroupError::Lost));
        // The lane goes on.
        let next = service.clone().oneshot(2);
        let window = tokio::time::timeout(Duration::ZERO, next).await;
        assert!(window.is_err(), "in line");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_four_threads_a_third_of_ten_thousand_callers_leaves_and_each_other_gets_its_own_answer()
{
    for round in 0..5 {
        let double = Double::new();
        let layer = GroupLayer::builder()
            .max_items(64)
            .max_waiting(500)
            .concurrency(2)
            .tenant(|n: &u64| (n % 7).to_string().into())
            .build()
            .unwrap();
        let service = layer.layer(double.clone());
        let calls: Vec<_> = (0..10_000)
            .map(|n| tokio::spawn(service.clone().oneshot(n)))
            .collect();
        calls
            .iter()
            .skip(round)
            .step_by(3)
            .for_each(tokio::task::JoinHandle::abort);
        for (n, call) in (0..).zip(calls) {
            // A caller that was to leave may have had its answer before.
            match call.await {
                Ok(answer) => assert_eq!(answer, Ok(n * 2)),
                Err(left) => assert!(left.is_cancelled(), "{left}"),
            }
        }
        assert!(double.batches().iter().all(|batch| batch.len() <= 64));
        // There is a place and a lane for the next caller.
        assert_eq!(service.oneshot(1).await, Ok(2));
    }
}
