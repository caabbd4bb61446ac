//! Callers are dropped at every await; none of their state stays.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use scrimp::Body;
use scrimp_testkit::PollCounter;
use tokio::time::{sleep, timeout};

use crate::{
    api::pattern,
    between::OneAtATime,
    front::{Answer, Front, Place},
    order::Order,
};

/// Polls after which a call counts as stuck.
const MOST_POLLS: usize = 400;

/// Longer than any wait of a layer, in virtual time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A kind of call, and its expected response.
struct Case {
    name: &'static str,
    request: fn(&Front) -> Request<Body>,
    answer: fn() -> Bytes,
}

const CASES: [Case; 5] = [
    Case {
        name: "a response that is stored",
        request: |front| front.request("/stream/40000"),
        answer: || pattern(40_000),
    },
    Case {
        name: "a response that is not stored",
        request: |front| front.request("/once/1000"),
        answer: || pattern(1000),
    },
    Case {
        name: "a write",
        request: |front| front.post(pattern(2000)),
        answer: || pattern(2000),
    },
    Case {
        name: "an item of a batch",
        request: |front| front.request("/api/items/1"),
        answer: || Bytes::from("{\"item\":1}"),
    },
    Case {
        name: "a call that may fail over",
        request: |front| front.request("/unavailable/9"),
        answer: || pattern(9),
    },
];

async fn expect(front: &Front, case: &Case, when: &str) {
    let call = timeout(PATIENCE, front.send((case.request)(front)));
    let answer = call.await;
    let answer = answer.unwrap_or_else(|_| panic!("{front:?}: {}: hangs {when}", case.name));
    right(front, case, when, answer);
}

fn right(front: &Front, case: &Case, when: &str, answer: Result<Answer, scrimp::core::BoxError>) {
    let answer = answer.unwrap_or_else(|error| panic!("{front:?}: {}: {error} {when}", case.name));
    let same = answer.status == 200 && answer.body == (case.answer)();
    assert!(same, "{front:?}: {}: {answer:?} {when}", case.name);
}

/// Drops a call after this many polls. Returns whether it had completed.
async fn leave(front: &Front, case: &Case, polls: usize) -> bool {
    let mut call = PollCounter::new(front.send((case.request)(front)));
    let mut answer = None;
    while answer.is_none() && call.polls() < polls {
        if let std::task::Poll::Ready(ready) = call.poll_now() {
            answer = Some(ready);
        }
        // Meanwhile tasks and timers of the layers proceed.
        sleep(Duration::from_millis(1)).await;
    }
    drop(call);
    let done = answer.is_some();
    if let Some(answer) = answer {
        right(front, case, "at the end", answer);
    }
    done
}

async fn at_every_await(order: &Order, case: &Case) {
    for polls in 0..MOST_POLLS {
        let when = format!("after a caller was dropped at its poll {polls}");
        let limit = OneAtATime::default();
        let front = Front::over(Place::InProcess, order, &limit).await;
        let done = leave(&front, case, polls).await;
        // No caller reads on; background work must end by itself.
        sleep(Duration::from_secs(1)).await;
        front.at_rest(&when);
        expect(&front, case, &when).await;
        expect(&front, &CASES[1], &when).await;
        sleep(Duration::from_secs(1)).await;
        front.at_rest(&when);
        assert_eq!(limit.most(), 1, "{front:?}: {when}");
        if done {
            return;
        }
    }
    panic!("{order:?}: {}: no end after {MOST_POLLS} polls", case.name);
}

#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_at_every_await() {
    for order in Order::matrix() {
        for case in &CASES {
            at_every_await(&order, case).await;
        }
    }
}

/// Drops one of several callers of the same request, or of one batch, at every await.
async fn one_of_three(order: &Order, paths: [&'static str; 3], answers: [&Bytes; 3]) {
    for polls in 0..MOST_POLLS {
        let limit = OneAtATime::default();
        let front = Front::over(Place::InProcess, order, &limit).await;
        let call = |at: usize| PollCounter::new(front.send(front.request(paths[at])));
        let mut leaver = call(0);
        let mut done = false;
        let stay = async { tokio::join!(call(1), call(2)) };
        let mut stay = std::pin::pin!(timeout(PATIENCE, stay));
        let mut stayed = None;
        while !done && leaver.polls() < polls {
            done = leaver.poll_now().is_ready();
            if stayed.is_none() {
                stayed = futures_util::FutureExt::now_or_never(stay.as_mut());
            }
            sleep(Duration::from_millis(1)).await;
        }
        drop(leaver);
        let stayed = match stayed {
            Some(stayed) => stayed,
            None => stay.await,
        };
        let (one, two) = stayed.unwrap_or_else(|_| panic!("{front:?}: hangs, {polls} polls"));
        for (answer, expected) in [(one, answers[1]), (two, answers[2])] {
            let answer = answer.unwrap_or_else(|error| panic!("{front:?}: {polls}: {error}"));
            assert!(answer.body == *expected, "{front:?}: {polls}: {answer:?}");
        }
        sleep(Duration::from_secs(1)).await;
        front.at_rest(&format!(
            "after one of three was dropped at its poll {polls}"
        ));
        if done {
            return;
        }
    }
    panic!("{order:?}: {paths:?}: no end after {MOST_POLLS} polls");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_does_not_disturb_callers_of_the_same_request() {
    let answer = pattern(40_000);
    for order in Order::matrix() {
        one_of_three(&order, ["/stream/40000"; 3], [&answer; 3]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_does_not_disturb_the_rest_of_the_batch() {
    let answers = [1, 2, 3].map(|n| Bytes::from(format!("{{\"item\":{n}}}")));
    let paths = ["/api/items/1", "/api/items/2", "/api/items/3"];
    for order in Order::matrix() {
        one_of_three(&order, paths, answers.each_ref()).await;
    }
}

#[tokio::test]
async fn calls_may_be_dropped_over_sockets_too() {
    for place in [Place::Axum, Place::Hyper, Place::Reqwest] {
        for order in Order::sensible() {
            let front = Front::new(place, &order).await;
            for polls in 0..40 {
                let path = format!("/stream/40000?{polls}");
                let mut call = PollCounter::new(front.send(front.request(&path)));
                while call.polls() < polls && call.poll_now().is_pending() {
                    // Sockets are polled at intervals only, so some polls make no progress.
                    tokio::task::yield_now().await;
                }
                drop(call);
                assert!(front.get(&path).await.body == pattern(40_000), "{front:?}");
                let flights = front.layers.coalesce.stats().in_flight;
                assert_eq!(flights, 0, "{front:?}: flights left after {polls} polls");
            }
        }
    }
}
