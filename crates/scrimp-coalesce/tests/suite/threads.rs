//! Callers on several threads at once, in real time.

use crate::rig;

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::Poll,
};

use futures_util::future::poll_fn;
use rig::{fetch, get, over};
use scrimp_coalesce::{CoalesceLayer, OnError};
use scrimp_testkit::{Reply, ScriptedBody};

const TASKS: usize = 64;
const CALLS: usize = 200;
const KEYS: usize = 5;

/// Returns a number that looks random: the middle of a product.
fn mixed(number: usize) -> usize {
    ((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

fn reply(number: usize) -> Reply {
    match mixed(number) % 10 {
        0 => Reply::error("reset").wake(),
        1 => Reply::body(ScriptedBody::new().wake().data("half").error("truncated")).wake(),
        2 => Reply::body(ScriptedBody::new().data("wholewhole")),
        3 => Reply::body(ScriptedBody::new().data("wholewhole")).wake(),
        _ => {
            let body = ScriptedBody::new().data("whole").wake().wake();
            Reply::body(body.data("whole").wake()).wake().wake()
        }
    }
}

/// Returns the output of a future, or `None` if it takes more than this many polls.
async fn unless_it_takes<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Pending if left == 0 => Poll::Ready(None),
            polled => polled.map(Some),
        }
    })
    .await
}

/// Makes calls one by one, and drops some of them after at most a few polls.
async fn caller(service: rig::Service, task: usize) {
    for call in 0..CALLS {
        let dice = mixed(task * CALLS + call);
        let polls = match dice % 3 {
            0 => dice / 3 % 6,
            _ => usize::MAX,
        };
        let path = format!("/{}", dice % KEYS);
        let whole = fetch(service.clone(), get(&path));
        if let Some(Ok(read)) = unless_it_takes(polls, whole).await {
            if read.status == 503 {
                // This reader was not polled within the patience of the others.
                let reason = read.headers["proxy-status"].to_str().unwrap();
                assert!(reason.contains("fell-behind"), "{reason}");
                continue;
            }
            assert_eq!(read.body, "wholewhole");
        }
    }
}

async fn nothing_is_left(layer: CoalesceLayer) {
    let calls = AtomicUsize::new(0);
    let (service, upstream) = over(&layer, move |_| reply(calls.fetch_add(1, Relaxed)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(caller(service.clone(), task)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stats = layer.stats();
    assert_eq!((stats.in_flight, stats.held_bytes), (0, 0), "{stats:?}");
    assert_eq!(upstream.in_flight(), 0);
    assert!(upstream.calls() < TASKS * CALLS, "some have shared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_of_many_threads_get_all_or_an_error_and_leave_nothing() {
    nothing_is_left(CoalesceLayer::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn so_it_is_where_others_try_again_and_no_more_is_kept_than_a_byte() {
    let layer = CoalesceLayer::builder()
        .on_error(OnError::Reelect { attempts: 2 })
        .max_total_bytes(1)
        .build()
        .unwrap();
    nothing_is_left(layer).await;
}
