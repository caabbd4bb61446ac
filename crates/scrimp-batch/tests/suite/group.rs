//! Batches of any requests: windows, limits, lanes and answers.

use crate::support;

use std::{convert::Infallible, future::ready, time::Duration};

use futures_util::future::{join, join_all};
use scrimp_batch::{BatchWindow, ByIndex, GroupError, GroupLayer};
use scrimp_core::Money;
use scrimp_testkit::Gate;
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

use support::{MS, double::Double};

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_moment_are_one_call_and_each_gets_its_own_answer() {
    let double = Double::new();
    let service = GroupLayer::new().layer(double.clone());
    let answers = join_all((0..20).map(|n| service.clone().oneshot(n))).await;
    let expected: Vec<_> = (0..20).map(|n| Ok(n * 2)).collect();
    assert_eq!(answers, expected);
    assert_eq!(double.batches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_does_not_wait_while_no_call_is_in_flight() {
    let service = GroupLayer::new().layer(Double::new());
    let start = Instant::now();
    assert_eq!(service.oneshot(4).await, Ok(8));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_window_is_counted_from_the_first_request_and_never_starts_over() {
    let double = Double::new();
    let service = GroupLayer::builder()
        .window(BatchWindow::fixed(50 * MS))
        .build()
        .unwrap()
        .layer(double.clone());
    let start = Instant::now();
    let calls = (0..20_u32).map(|n| {
        let service = service.clone();
        async move {
            tokio::time::sleep(n * 10 * MS).await;
            service.oneshot(n.into()).await
        }
    });
    join_all(calls).await;
    let calls = double.calls();
    let waits = calls.iter().map(|(at, items)| {
        let first = u32::try_from(items[0]).unwrap();
        (*at - start).saturating_sub(first * 10 * MS)
    });
    assert!(waits.into_iter().all(|wait| wait <= 52 * MS), "{calls:?}");
    assert!(calls.len() <= 4, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_goes_before_its_window_closes() {
    let double = Double::new();
    let layer = GroupLayer::builder()
        .window(BatchWindow::fixed(Duration::from_secs(9)))
        .max_items(4)
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    let start = Instant::now();
    join_all((0..8).map(|n| service.clone().oneshot(n))).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(double.batches(), [[0, 1, 2, 3], [4, 5, 6, 7]]);
}

#[tokio::test(start_paused = true)]
async fn weight_limits_a_batch_and_a_request_above_the_limit_is_sent_alone() {
    let double = Double::new();
    let layer = GroupLayer::builder()
        .max_weight(10, |n: &u64| u32::try_from(*n).unwrap())
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    join_all([4, 6, 11, 3].map(|n| service.clone().oneshot(n))).await;
    assert_eq!(double.batches(), [vec![4, 6], vec![11], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn an_economic_window_sends_at_once_if_no_other_request_is_expected() {
    let money = |text: &str| text.parse::<Money>().unwrap();
    let window = BatchWindow::economic(money("0.0005"), money("0.005"), 250 * MS);
    let service = GroupLayer::builder()
        .window(window)
        .build()
        .unwrap()
        .layer(Double::new());
    let start = Instant::now();
    service.oneshot(1).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn collecting_goes_on_while_calls_are_in_flight() {
    let gate = Gate::new();
    let double = Double::gated(&gate);
    let service = GroupLayer::builder()
        .window(BatchWindow::fixed(MS))
        .build()
        .unwrap()
        .layer(double.clone());
    let first = tokio::spawn(service.clone().oneshot(1));
    gate.reached(1).await;
    let second = tokio::spawn(service.clone().oneshot(2));
    gate.reached(2).await;
    assert_eq!(double.batches(), [[1], [2]]);
    gate.open();
    assert_eq!(
        (first.await.unwrap(), second.await.unwrap()),
        (Ok(2), Ok(4))
    );
}

#[tokio::test(start_paused = true)]
async fn concurrency_limits_the_calls_of_a_lane_and_the_rest_share_one_call() {
    let gate = Gate::new();
    let double = Double::gated(&gate);
    let layer = GroupLayer::builder()
        .window(BatchWindow::fixed(Duration::ZERO))
        .concurrency(1)
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    let first = tokio::spawn(service.clone().oneshot(0));
    gate.reached(1).await;
    let rest: Vec<_> = (1..9)
        .map(|n| tokio::spawn(service.clone().oneshot(n)))
        .collect();
    tokio::time::sleep(MS).await;
    assert_eq!(double.batches(), [[0]]);
    gate.open();
    first.await.unwrap().unwrap();
    for call in rest {
        call.await.unwrap().unwrap();
    }
    assert_eq!(double.batches().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn too_few_answers_answer_no_request_and_indexed_answers_answer_their_own() {
    let short = service_fn(|items: Vec<u64>| ready(Ok::<_, Infallible>(items[1..].to_vec())));
    let service = GroupLayer::new().layer(short);
    let (one, two) = join(service.clone().oneshot(1), service.oneshot(2)).await;
    let count = Err(GroupError::Count {
        asked: 2,
        answered: 1,
    });
    assert_eq!((one, two), (count.clone(), count));

    let named =
        service_fn(|items: Vec<u64>| ready(Ok::<_, Infallible>(ByIndex(vec![(1, items[1])]))));
    let service = GroupLayer::new().layer(named);
    let answers = join(service.clone().oneshot(1), service.oneshot(2)).await;
    assert_eq!(answers, (Err(GroupError::Missing), Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_of_one_tenant_do_not_delay_another_tenant() {
    let double = Double::new();
    let layer = GroupLayer::builder()
        .window(BatchWindow::fixed(10 * MS))
        .max_items(10)
        .max_waiting(20_000)
        .concurrency(1)
        .tenant(|n: &u64| {
            if *n < 10_000 {
                "many".into()
            } else {
                "few".into()
            }
        })
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    join_all((0..10_003).map(|n| service.clone().oneshot(n))).await;
    let batches = double.batches();
    assert!(
        batches[0].iter().filter(|n| **n >= 10_000).count() == 3,
        "{:?}",
        batches[0]
    );
    assert_eq!(batches.len(), 1_001);
    let many: Vec<u64> = batches
        .concat()
        .into_iter()
        .filter(|n| *n < 10_000)
        .collect();
    assert!(many.is_sorted(), "the oldest of each tenant first");
}

#[tokio::test(start_paused = true)]
async fn lanes_never_mix() {
    let double = Double::new();
    let layer = GroupLayer::builder()
        .lane(|n: &u64, key| {
            key.part(if n.is_multiple_of(2) { b"even" } else { b"odd" });
        })
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    join_all((0..10).map(|n| service.clone().oneshot(n))).await;
    let batches = double.batches();
    assert_eq!(batches.len(), 2);
    assert!(
        batches
            .iter()
            .all(|batch| batch.iter().all(|n| n % 2 == batch[0] % 2))
    );
}

#[tokio::test(start_paused = true)]
async fn requests_above_max_waiting_wait_outside_and_all_are_served() {
    let double = Double::new();
    let layer = GroupLayer::builder()
        .max_waiting(64)
        .max_items(1_000)
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    let answers = join_all((0..10_000).map(|n| service.clone().oneshot(n))).await;
    assert!((0..).zip(answers).all(|(n, answer)| answer == Ok(n * 2)));
    assert!(double.batches().iter().all(|batch| batch.len() <= 64));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_early_enough_before_its_deadline_for_one_call() {
    let double = Double::slow(20 * MS);
    let start = Instant::now();
    let layer = GroupLayer::builder()
        .window(BatchWindow::fixed(Duration::from_secs(9)))
        .deadline(move |n: &u64| (*n == 7).then(|| start + Duration::from_secs(10)))
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    service.clone().oneshot(1).await.unwrap(); // 9 s; the lane learns that a call takes 20 ms
    join(service.clone().oneshot(1), service.oneshot(7))
        .await
        .1
        .unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_times_as_many_lanes_as_are_kept_stay_within_the_bound() {
    let layer = GroupLayer::builder()
        .lane(|n: &u64, key| {
            key.part(&n.to_le_bytes());
        })
        .max_lanes(16)
        .build()
        .unwrap();
    let service = layer.layer(Double::new());
    for n in 0..1_600 {
        assert_eq!(service.clone().oneshot(n).await, Ok(n * 2));
        assert!(layer.stats().lanes <= 16, "{:?}", layer.stats());
    }
    let stats = layer.stats();
    assert_eq!(
        (stats.requests, stats.calls, stats.items),
        (1_600, 1_600, 1_600)
    );
    assert_eq!((stats.lanes, stats.failed), (16, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_counted_once_whatever_its_number_of_requests() {
    let fails = service_fn(|_: Vec<u64>| ready(Err::<Vec<u64>, _>("no")));
    let layer = GroupLayer::new();
    let service = layer.layer(fails);
    let answers = join_all((0..3).map(|n| service.clone().oneshot(n))).await;
    assert!(answers.iter().all(Result::is_err));
    let stats = layer.stats();
    assert_eq!(
        (stats.requests, stats.items, stats.calls, stats.failed),
        (3, 3, 1, 1)
    );
}
