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
    let again = subject.answered(&demand, granted, now);
    (demand, again)
}

#[tokio::test(start_paused = true)]
async fn requests_are_served_in_order_at_the_times_of_their_units() {
    let (mut subject, start) = (subject(), Instant::now());
    let mut one = wait(&mut subject, 2, SECOND);
    let mut other = wait(&mut subject, 1, SECOND);
    // One is there, and two are to come.
    let (demand, again) = answer(&mut subject, 3, -5, 29_999_995);
    assert_eq!(
        (demand.needs, again),
        (vec![(2, SECOND), (1, SECOND)], false)
    );
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
    assert_eq!(demand.needs, [(1, SECOND)]);
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
        &subject_demand(),
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

fn subject_demand() -> Demand {
    Demand {
        needs: vec![(1, SECOND)],
        wish: 0,
        sent: Instant::now(),
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

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_leaves_the_units_to_those_behind_it() {
    let (mut subject, start) = (subject(), Instant::now());
    let mut heavy = wait(&mut subject, 2_000, SECOND);
    let mut light = wait(&mut subject, 2, SECOND);
    let (demand, again) = answer(&mut subject, 2, -5, 1);
    assert_eq!(demand.needs, [(2_000, SECOND), (2, SECOND)]);
    assert!(!again);
    assert!(matches!(heavy.try_recv(), Ok(Err(NotTaken::Late(_)))));
    let second = Duration::from_nanos(9_999_995);
    assert_eq!(light.try_recv(), Ok(Ok(start + second)));
    assert_eq!(subject.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn units_of_a_request_are_not_lost_while_the_answer_is_on_its_way() {
    let mut subject = subject();
    let mut turn = wait(&mut subject, 1, SECOND);
    let demand = subject.demand(Instant::now());
    tokio::time::advance(SECOND / 10).await;
    let (units, first, next) = (1, SECOND_NANOS, SECOND_NANOS);
    let granted = Granted { units, first, next };
    assert!(!subject.answered(&demand, granted, Instant::now()));
    assert_eq!(turn.try_recv(), Ok(Ok(Instant::now() + SECOND)));
    assert_eq!(subject.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_times_as_many_requests_as_a_message_asks_for_are_asked_for_in_turn() {
    let mut subject = subject();
    let mut turns: Vec<_> = (0..100 * ASKED_FOR)
        .map(|_| wait(&mut subject, 1, 60 * SECOND))
        .collect();
    for number in 1..=100 {
        let (demand, again) = answer(&mut subject, ASKED_FOR as u64, -1, 1);
        assert_eq!((demand.needs.len(), again), (ASKED_FOR, number < 100));
    }
    let all = turns.iter_mut();
    assert!(
        all.map(oneshot::Receiver::try_recv)
            .all(|turn| matches!(turn, Ok(Ok(_))))
    );
}
