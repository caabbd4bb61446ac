//! The units of one limit, without a server.

use super::*;

const MILLI: u64 = 1_000_000;
const SECOND: Duration = Duration::from_secs(1);

/// A hundred at once, one each 10 ms: a lease is 250 ms.
fn subject() -> Subject {
    Subject::new(RateRule::new(10 * MILLI, 100))
}

fn wait(subject: &mut Subject, weight: u64, most: Duration) -> oneshot::Receiver<Turn> {
    match subject.take(weight, most, Instant::now()) {
        Asked::Wait(turn, _) => turn,
        other => panic!("{other:?}"),
    }
}

fn answer(subject: &mut Subject, units: u64, first: i64, next: i64) -> (Demand, bool) {
    let now = Instant::now();
    let demand = subject.demand(now);
    let granted = Granted { units, first, next };
    (demand, subject.answered(demand, granted, now))
}

#[tokio::test(start_paused = true)]
async fn requests_are_served_in_order_at_the_times_of_their_units() {
    let (mut subject, start) = (subject(), Instant::now());
    let mut one = wait(&mut subject, 2, SECOND);
    let mut other = wait(&mut subject, 1, SECOND);
    // One is there, and two are to come.
    let (demand, again) = answer(&mut subject, 3, -5, 29_999_995);
    assert_eq!((demand.need, demand.longest, again), (3, SECOND, false));
    assert_eq!(
        one.try_recv(),
        Ok(Ok(start + Duration::from_nanos(9_999_995)))
    );
    assert_eq!(
        other.try_recv(),
        Ok(Ok(start + Duration::from_nanos(19_999_995)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_wait_too_long_is_refused_and_the_next_is_not_asked_for() {
    let mut subject = subject();
    let mut late = wait(&mut subject, 1, 5 * SECOND / 1000);
    answer(&mut subject, 0, 9_000_000, 9_000_000);
    let wait = Duration::from_millis(9);
    assert_eq!(late.try_recv(), Ok(Err(NotTaken::Late(wait))));
    let next = subject.take(1, Duration::ZERO, Instant::now());
    assert!(matches!(next, Asked::No(NotTaken::Late(time)) if time == wait));
    tokio::time::advance(wait).await;
    let next = subject.take(1, Duration::ZERO, Instant::now());
    assert!(matches!(next, Asked::Wait(_, true)));
}

#[tokio::test(start_paused = true)]
async fn units_lapse_and_a_caller_that_has_gone_takes_none() {
    let mut subject = subject();
    drop(wait(&mut subject, 1, SECOND));
    let mut kept = wait(&mut subject, 1, SECOND);
    // 20 are there, and 5 are to come.
    let (demand, _) = answer(&mut subject, 25, -195_000_000, 1);
    assert_eq!(demand.need, 1);
    assert!(kept.try_recv().expect("a turn").is_ok());
    assert_eq!(subject.left(), 24);
    tokio::time::advance(Duration::from_millis(250)).await;
    subject.lapse(Instant::now());
    assert_eq!(subject.left(), 24, "as long as a lease");
    tokio::time::advance(Duration::from_nanos(1)).await;
    subject.lapse(Instant::now());
    assert_eq!(subject.left(), 5);
    tokio::time::advance(SECOND).await;
    assert!(subject.can_be_forgotten(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn more_is_asked_for_in_the_measure_of_what_was_used() {
    let mut subject = subject();
    let _turn = wait(&mut subject, 1, SECOND);
    assert_eq!(subject.demand(Instant::now()).wish, 0);
    subject.answered(
        subject_demand(1),
        Granted {
            units: 11,
            first: -SECOND_NANOS,
            next: 1,
        },
        Instant::now(),
    );
    tokio::time::advance(Duration::from_millis(100)).await;
    for _ in 0..8 {
        assert!(matches!(
            subject.take(1, SECOND, Instant::now()),
            Asked::At(_, false)
        ));
    }
    assert!(matches!(
        subject.take(1, SECOND, Instant::now()),
        Asked::At(_, true)
    ));
    // Ten in 100 ms are 25 in 250 ms.
    assert_eq!(subject.demand(Instant::now()).wish, 25);
}

const SECOND_NANOS: i64 = 1_000_000_000;

fn subject_demand(waiters: usize) -> Demand {
    Demand {
        need: 1,
        wish: 0,
        longest: SECOND,
        waiters,
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_server_requests_are_told_at_once() {
    let mut subject = subject();
    let mut turn = wait(&mut subject, 1, SECOND);
    subject.failed(Instant::now());
    assert_eq!(turn.try_recv(), Ok(Err(NotTaken::Unknown)));
    let next = subject.take(1, SECOND, Instant::now());
    assert!(matches!(next, Asked::No(NotTaken::Unknown)));
    tokio::time::advance(DOWN_FOR).await;
    assert!(matches!(
        subject.take(1, SECOND, Instant::now()),
        Asked::Wait(_, true)
    ));
}
