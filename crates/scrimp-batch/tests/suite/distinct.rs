//! Equal requests: once per batch, and once per scope.

use crate::support;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures_util::{FutureExt, future::join_all};
use scrimp_batch::{BatchLayer, BatchWindow, GroupError, GroupLayer, Memo, RestJson};
use scrimp_core::{BoxError, KeyBuf};
use scrimp_testkit::Gate;
use tower::{Layer, Service, ServiceExt, service_fn};

use support::{MS, double::Double, echo, get, send};

fn is_pending(call: &mut (impl Future + Unpin)) -> bool {
    call.now_or_never().is_none()
}

/// Tells requests apart by their number.
fn number() -> impl Fn(&u64, &mut KeyBuf) + Send + Sync {
    |n, key| {
        key.part(&n.to_le_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn duplicates_take_no_room_in_a_batch_of_http_requests() {
    let upstream = echo();
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .max_items(10)
        .window(BatchWindow::fixed(50 * MS))
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    // Every fourth request is a new one, and the others are equal to one of those before.
    let paths = (0..40).map(|n| format!("/{}", n / 4));
    let calls = paths.clone().map(|path| send(service.clone(), get(&path)));
    for (path, answer) in paths.zip(join_all(calls).await) {
        assert_eq!(
            answer.unwrap().body(),
            &format!("{{\"you asked\":\"{path}\"}}")
        );
    }
    let stats = layer.stats();
    assert_eq!(
        (upstream.calls(), stats.items, stats.duplicates),
        (1, 10, 30)
    );
}

#[tokio::test(start_paused = true)]
async fn the_caller_of_an_item_may_leave_its_duplicates() {
    let upstream = echo();
    let layer = BatchLayer::builder(RestJson::new("/batch"))
        .window(BatchWindow::fixed(50 * MS))
        .build()
        .unwrap();
    let service = layer.layer(upstream.clone());
    let mut first = Box::pin(send(service.clone(), get("/1")));
    assert!(is_pending(&mut first));
    let others = ["/1", "/1", "/2"].map(|path| send(service.clone(), get(path)));
    let others = tokio::spawn(join_all(others));
    tokio::time::sleep(MS).await;
    drop(first);
    for answer in others.await.unwrap() {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!((upstream.calls(), layer.stats().items), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_group_sends_equal_requests_once_and_each_caller_gets_the_answer() {
    let double = Double::new();
    let group = GroupLayer::builder().max_items(3).build().unwrap();
    let service = group.distinct(number()).layer(double.clone());
    let asked = [5, 7, 5, 5, 9, 7];
    let answers = join_all(asked.map(|n| service.clone().oneshot(n))).await;
    assert_eq!(answers, asked.map(|n| Ok(n * 2)));
    assert_eq!(double.batches(), [[5, 7, 9]]);
    let stats = group.stats();
    assert_eq!((stats.requests, stats.items, stats.duplicates), (6, 3, 3));
    // Without it, each is sent.
    let service = group.layer(double.clone());
    join_all([1, 1].map(|n| service.clone().oneshot(n))).await;
    assert_eq!(double.batches()[1], [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn equal_requests_of_other_lanes_are_two() {
    let double = Double::new();
    let group = GroupLayer::builder()
        .lane(|n: &u64, key| {
            key.part(&[(n % 2) as u8]);
        })
        .build()
        .unwrap();
    let half = |n: &u64, key: &mut KeyBuf| {
        key.part(&(n / 2).to_le_bytes());
    };
    let service = group.distinct(half).layer(double.clone());
    join_all([2, 3].map(|n| service.clone().oneshot(n)))
        .await
        .into_iter()
        .for_each(drop);
    assert_eq!(double.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_fails_each_of_the_equal_requests() {
    let down = service_fn(|_: Vec<u64>| async { Err::<Vec<u64>, _>(BoxError::from("down")) });
    let service = GroupLayer::new().distinct(number()).layer(down);
    for answer in join_all([1, 1, 2].map(|n| service.clone().oneshot(n))).await {
        assert!(matches!(answer, Err(GroupError::Upstream(_))), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scope_asks_once_for_each_request_and_another_scope_asks_again() {
    let double = Double::new();
    let loader = Memo::new(GroupLayer::new().layer(double.clone()), number());
    for round in 1..=2 {
        let scope = loader.scope();
        let asked = [1, 2, 1];
        assert_eq!(
            join_all(asked.map(|n| scope.clone().oneshot(n))).await,
            [Ok(2), Ok(4), Ok(2)]
        );
        assert_eq!(
            join_all([2, 3].map(|n| scope.clone().oneshot(n))).await,
            [Ok(4), Ok(6)]
        );
        assert_eq!(double.batches()[round * 2 - 2..], [vec![1, 2], vec![3]]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_kept_for_a_scope_and_a_request_can_be_cleared_or_primed() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let once = service_fn(move |n: u64| {
        let first = count.fetch_add(1, Relaxed) == 0;
        async move { if first { Err("down") } else { Ok(n) } }
    });
    let scope = Memo::new(once, number());
    assert_eq!(scope.clone().oneshot(1).await, Err("down"));
    assert_eq!(scope.clone().oneshot(1).await, Err("down"));
    scope.clear(&1);
    assert_eq!(scope.clone().oneshot(1).await, Ok(1));
    scope.prime(&1, 100);
    scope.prime(&2, 200);
    assert_eq!(
        join_all([1, 2].map(|n| scope.clone().oneshot(n))).await,
        [Ok(1), Ok(200)]
    );
    scope.clear_all();
    assert_eq!(scope.clone().oneshot(2).await, Ok(2));
    assert_eq!(calls.load(Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_scope_goes_on_while_a_caller_waits_and_is_forgotten_if_none_does() {
    let gate = Gate::new();
    let double = Double::gated(&gate);
    let mut scope = Memo::new(GroupLayer::new().layer(double.clone()), number());
    let (mut one, mut two) = (scope.call(1), scope.call(1));
    assert!(is_pending(&mut one));
    assert!(is_pending(&mut two));
    tokio::time::sleep(MS).await;
    drop(one);
    gate.open();
    assert_eq!(two.await, Ok(2));
    let mut left = scope.call(5);
    assert!(is_pending(&mut left));
    drop(left);
    assert_eq!(scope.call(5).await, Ok(10));
    let sent: Vec<u64> = double.batches().concat();
    assert_eq!(sent, [1, 5], "a request whose caller left is not sent");
}

#[tokio::test(start_paused = true)]
async fn a_result_that_was_cleared_during_its_call_is_not_kept() {
    let gate = Gate::new();
    let double = Double::gated(&gate);
    let mut scope = Memo::new(GroupLayer::new().layer(double.clone()), number());
    let mut call = scope.call(1);
    assert!(is_pending(&mut call));
    tokio::time::sleep(MS).await;
    scope.clear(&1);
    gate.open();
    assert_eq!(call.await, Ok(2));
    assert_eq!(scope.call(1).await, Ok(2));
    assert_eq!(double.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_scope_with_a_hundred_times_as_many_requests_as_it_keeps_stays_within_its_bound() {
    let echo = service_fn(|n: u64| std::future::ready(Ok::<_, std::convert::Infallible>(n)));
    let mut scope = Memo::new(echo, number());
    for n in 0..1_000_000 {
        scope.prime(&n, n);
    }
    assert_eq!(scope.call(999_999).await, Ok(999_999));
    let shown = format!("{scope:?}");
    assert!(shown.contains("kept: 10000"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn the_last_of_ten_thousand_callers_of_one_item_gets_the_answer() {
    let service = GroupLayer::builder()
        .window(BatchWindow::fixed(1_000 * MS))
        .build()
        .unwrap()
        .distinct(number())
        .layer(Double::new());
    let mut calls: HashMap<u64, _> = (0..10_000)
        .map(|n| (n, service.clone().oneshot(7)))
        .collect();
    for call in calls.values_mut() {
        assert!(is_pending(call));
    }
    let last = calls.remove(&9_999).unwrap();
    drop(calls);
    assert_eq!(last.await, Ok(14));
}
