//! Callers that leave.

mod rig;

use std::time::Duration;

use futures_util::future::join_all;
use rig::{Rig, by_user, ms, request};
use scrimp_limit::LimitLayer;
use tokio::time::{Instant, timeout};

#[tokio::test(start_paused = true)]
async fn callers_that_leave_the_line_take_nothing_from_the_limit() {
    let rig = Rig::new(LimitLayer::per_second(10).burst(1));
    assert_eq!(rig.status(request("ann", 1)).await, 200);
    let start = Instant::now();
    // A hundred wait in line, and leave before the first of them has its turn.
    let gone = (0..100).map(|_| timeout(ms(50), rig.send(request("ann", 1))));
    assert!(join_all(gone).await.iter().all(Result::is_err));
    assert_eq!(rig.layer.stats().waiting, 0);
    assert_eq!(rig.status(request("ann", 1)).await, 200);
    assert!(start.elapsed() < ms(105), "{:?}", start.elapsed());
    assert_eq!(rig.upstream.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_the_middle_of_the_line_can_leave() {
    let rig = Rig::new(LimitLayer::per_second(1));
    assert_eq!(rig.status(request("ann", 1)).await, 200);
    let start = Instant::now();
    let (first, gone, last) = tokio::join!(
        rig.status(request("ann", 1)),
        timeout(ms(500), rig.send(request("ann", 1))),
        rig.status(request("ann", 1)),
    );
    assert_eq!((first, last), (200, 200));
    assert!(gone.is_err());
    assert!(start.elapsed() < ms(2_010), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_line_does_not_delay_another() {
    let rig = Rig::new(by_user(LimitLayer::per_second(1)));
    let start = Instant::now();
    let timed = async |user| {
        assert_eq!(rig.status(request(user, 1)).await, 200);
        start.elapsed()
    };
    let (_, ann, bob) = tokio::join!(timed("ann"), timed("ann"), timed("bob"));
    assert!(
        ann >= Duration::from_secs(1) && bob < ms(10),
        "{ann:?}, {bob:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_not_polled_takes_nothing() {
    let rig = Rig::new(LimitLayer::per_second(1).max_wait(Duration::ZERO));
    let unpolled = rig.send(request("ann", 1));
    assert_eq!(rig.status(request("ann", 1)).await, 200);
    drop(unpolled);
    assert_eq!(rig.layer.stats().requests, 1);
}
