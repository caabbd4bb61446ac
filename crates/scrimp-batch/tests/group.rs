//! Many requests of any kind, one call.

use std::{
    convert::Infallible,
    error::Error,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{join, join_all};
use parking_lot::Mutex;
use scrimp_batch::{BatchWindow, ByIndex, GroupError, GroupLayer};
use scrimp_core::{BoxError, Money};
use scrimp_testkit::{Gate, PollCounter};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);
/// The request that makes the service panic.
const PANIC: u64 = 1_000_000_666;

/// When it was, and what was asked.
type Call = (Instant, Vec<u64>);

/// Doubles numbers, slowly if told, and remembers its calls.
#[derive(Clone)]
struct Double {
    calls: Arc<Mutex<Vec<Call>>>,
    gate: Option<Gate>,
    takes: Duration,
}

impl Double {
    fn new() -> Self {
        Self {
            calls: Arc::default(),
            gate: None,
            takes: Duration::ZERO,
        }
    }

    fn batches(&self) -> Vec<Vec<u64>> {
        self.calls
            .lock()
            .iter()
            .map(|(_, items)| items.clone())
            .collect()
    }
}

impl Service<Vec<u64>> for Double {
    type Response = Vec<u64>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Vec<u64>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, items: Vec<u64>) -> Self::Future {
        self.calls.lock().push((Instant::now(), items.clone()));
        let (gate, takes) = (self.gate.clone(), self.takes);
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.opened().await;
            }
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            assert!(!items.contains(&PANIC), "scripted panic");
            Ok(items.into_iter().map(|n| n * 2).collect())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_at_once_is_one_call_and_each_gets_its_own_answer() {
    let double = Double::new();
    let service = GroupLayer::new().layer(double.clone());
    let answers = join_all((0..20).map(|n| service.clone().oneshot(n))).await;
    let expected: Vec<_> = (0..20).map(|n| Ok(n * 2)).collect();
    assert_eq!(answers, expected);
    assert_eq!(double.batches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_waits_for_nobody_while_nothing_is_in_flight() {
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
    let calls = double.calls.lock().clone();
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
async fn weight_bounds_a_batch_and_what_is_too_heavy_goes_alone() {
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
async fn an_economic_window_sends_at_once_where_nobody_else_is_expected() {
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
    let mut double = Double::new();
    double.gate = Some(gate.clone());
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
async fn concurrency_bounds_the_calls_of_a_lane_and_the_rest_go_together() {
    let gate = Gate::new();
    let mut double = Double::new();
    double.gate = Some(gate.clone());
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
async fn who_leaves_the_line_is_not_sent_and_the_rest_get_their_own_answers() {
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
async fn nothing_is_sent_when_all_have_left_and_the_next_is_served() {
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
async fn a_panic_is_told_to_its_batch_and_to_nobody_else() {
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
async fn answers_that_are_too_few_answer_nobody_and_named_ones_whom_they_name() {
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
async fn a_call_that_takes_too_long_is_given_up() {
    let mut double = Double::new();
    double.takes = Duration::from_secs(60);
    let limit = Duration::from_secs(5);
    let service = GroupLayer::new().layer(double);
    let start = Instant::now();
    assert_eq!(service.oneshot(1).await, Err(GroupError::TimedOut(limit)));
    assert_eq!(start.elapsed(), limit);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_ten_thousand_requests_does_not_keep_another_waiting() {
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
    assert!(many.is_sorted(), "each tenant's oldest first");
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
async fn more_than_may_wait_wait_outside_and_all_are_served() {
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
async fn a_request_is_not_held_back_past_its_deadline_less_the_time_of_a_call() {
    let mut double = Double::new();
    double.takes = 20 * MS;
    let start = Instant::now();
    let layer = GroupLayer::builder()
        .window(BatchWindow::fixed(Duration::from_secs(9)))
        .deadline(move |n: &u64| (*n == 7).then(|| start + Duration::from_secs(10)))
        .build()
        .unwrap();
    let service = layer.layer(double.clone());
    service.clone().oneshot(1).await.unwrap(); // 9 s, and it teaches that a call takes 20 ms
    join(service.clone().oneshot(1), service.oneshot(7))
        .await
        .1
        .unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[test]
fn requests_of_a_runtime_that_shuts_down_are_told_so() {
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
        // And the lane goes on.
        let next = service.clone().oneshot(2);
        let window = tokio::time::timeout(Duration::ZERO, next).await;
        assert!(window.is_err(), "in line");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_on_four_threads_of_whom_a_third_leaves_each_get_their_own() {
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
            // Who was to leave may have had its answer already.
            match call.await {
                Ok(answer) => assert_eq!(answer, Ok(n * 2)),
                Err(left) => assert!(left.is_cancelled(), "{left}"),
            }
        }
        assert!(double.batches().iter().all(|batch| batch.len() <= 64));
        // Whatever has left, there is room and a lane for the next.
        assert_eq!(service.oneshot(1).await, Ok(2));
    }
}
