//! One call of many equal ones, and one caller's turn of many.

mod common;

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use common::waker;
use scrimp_core::KeyBuf;
use scrimp_flight::{
    SingleFlight,
    single_flight::{Entry, Gate, Lead, Turn, Wait},
};
use tokio::time::sleep;

fn key() -> KeyBuf {
    let mut key = KeyBuf::new();
    key.part(b"key");
    key
}

fn lead(gate: &Gate<u32>) -> Lead<u32> {
    match gate.enter(key().as_ref()) {
        Entry::Lead(lead) => lead,
        Entry::Wait(_) => panic!("it is another's turn"),
    }
}

fn wait(gate: &Gate<u32>) -> Wait<u32> {
    match gate.enter(key().as_ref()) {
        Entry::Wait(wait) => wait,
        Entry::Lead(_) => panic!("it is its turn"),
    }
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Takes a while.
async fn slow(calls: Arc<AtomicUsize>) -> usize {
    calls.fetch_add(1, Relaxed);
    sleep(Duration::from_secs(1)).await;
    7
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_make_one_call_and_leave_nothing() {
    let (flight, calls) = (SingleFlight::<usize>::new(), Arc::new(AtomicUsize::new(0)));
    let ask = |_| {
        let calls = Arc::clone(&calls);
        tokio::spawn(flight.call("key", || slow(calls)))
    };
    let all: Vec<_> = (0..1000).map(ask).collect();
    for call in all {
        assert_eq!(call.await.unwrap(), 7);
    }
    assert_eq!((calls.load(Relaxed), flight.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_leaves_takes_nothing_along() {
    let (flight, calls) = (SingleFlight::<usize>::new(), Arc::new(AtomicUsize::new(0)));
    let ask = || flight.call("key", || slow(Arc::clone(&calls)));
    let (mut leader, mut follower) = (ask(), ask());
    assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
    drop(leader);
    assert_eq!(follower.await, 7);
    assert_eq!((calls.load(Relaxed), flight.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_leaders_and_another_calls_in_its_place() {
    let (flight, calls) = (SingleFlight::<usize>::new(), Arc::new(AtomicUsize::new(0)));
    let leader = tokio::spawn(flight.call("key", || async {
        sleep(Duration::from_secs(1)).await;
        panic!("the call is lost")
    }));
    let followers = [0; 9].map(|_| {
        let calls = Arc::clone(&calls);
        tokio::spawn(flight.call("key", || slow(calls)))
    });
    assert!(leader.await.unwrap_err().is_panic());
    for follower in followers {
        assert_eq!(follower.await.unwrap(), 7);
    }
    assert_eq!((calls.load(Relaxed), flight.in_flight()), (1, 0));
}

#[test]
fn what_a_lead_says_is_told_to_all_who_wait() {
    let gate = Gate::new();
    let first = lead(&gate);
    let (one, other) = (wait(&gate), gate.join(key().as_ref()).unwrap());
    assert!(gate.take(key().as_ref()).is_none());
    first.end(7);
    assert!(gate.is_empty() && gate.join(key().as_ref()).is_none());
    for wait in [one, other] {
        assert!(matches!(poll(wait), Poll::Ready(Turn::Result(7))));
    }
}

#[test]
fn a_lead_that_is_dropped_is_the_turn_of_one_that_waits() {
    let gate = Gate::new();
    let first = lead(&gate);
    let (mut one, mut other) = (wait(&gate), wait(&gate));
    let (woken, wakes) = waker();
    let mut cx = Context::from_waker(&woken);
    assert!(pin!(&mut one).poll(&mut cx).is_pending());
    assert!(pin!(&mut other).poll(&mut cx).is_pending());
    drop(first);
    assert!(wakes.take() >= 1);
    let Poll::Ready(Turn::Lead(second)) = poll(&mut one) else {
        panic!("it is its turn");
    };
    assert!(poll(&mut other).is_pending());
    // One that does not want its turn hands it on.
    drop(second);
    let Poll::Ready(Turn::Lead(third)) = poll(other) else {
        panic!("it is its turn");
    };
    assert_eq!(gate.len(), 1);
    third.end(3);
    assert!(gate.is_empty());
}

#[test]
fn a_lead_knows_whether_others_wait_and_is_woken_when_the_last_has_left() {
    let gate = Gate::new();
    let first = lead(&gate);
    let (woken, wakes) = waker();
    assert!(!first.is_awaited(&woken));
    let (one, other) = (wait(&gate), wait(&gate));
    assert!(first.is_awaited(&woken));
    drop(one);
    assert_eq!(wakes.take(), 0);
    drop(other);
    assert_eq!(wakes.take(), 1);
    assert!(!first.is_awaited(&woken));
    drop(first);
    assert!(gate.is_empty());
}
