//! The lease of one account, without a server.

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::{
    account::{Account, Message, Next, Taken},
    reply::{Outcome, Reply},
};

const LEASE: Duration = Duration::from_secs(40);
const CALLS: u32 = 10;

fn reply(extra: u128, outcome: Outcome) -> Reply {
    Reply {
        outcome,
        id: "id".to_owned(),
        extra,
        total: 0,
        left: 0,
        time: 0,
    }
}

fn is_taken(account: &mut Account, amount: u128) -> bool {
    matches!(account.take(amount, false, Instant::now()), Taken::Yes(_))
}

/// Asks, and applies the answer.
fn ask(account: &mut Account, extra: u128, outcome: Outcome) -> (Message, Next) {
    let now = Instant::now();
    let message = account.message(CALLS, now);
    let next = account.answered(&message, &reply(extra, outcome), now, now + LEASE);
    (message, next)
}

/// Returns an account with a lease, of which nothing is used.
fn leased(amount: u128) -> Account {
    let mut account = Account::new();
    assert!(matches!(
        account.take(10, false, Instant::now()),
        Taken::Ask(true, _)
    ));
    let (message, next) = ask(&mut account, amount, Outcome::Granted);
    assert_eq!((message.must, message.need, message.wish), (10, 10, 100));
    assert_eq!(next, Next::Done);
    account
}

#[tokio::test(start_paused = true)]
async fn amounts_are_taken_from_the_lease_and_more_is_asked_for_before_its_end() {
    let mut account = leased(100);
    for number in 1..=10 {
        let taken = account.take(10, false, Instant::now());
        let ahead = matches!(taken, Taken::Yes(true));
        assert_eq!(ahead, number == 8, "{number}");
    }
    let next = account.take(10, false, Instant::now());
    assert!(matches!(next, Taken::Ask(false, _)), "one task asks");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_ended_is_not_used_and_calls_under_way_still_count() {
    let mut account = leased(100);
    assert!(is_taken(&mut account, 10));
    advance(LEASE).await;
    assert!(!is_taken(&mut account, 10));
    assert!(!account.settle(10, 7, Instant::now()));
    let message = account.message(CALLS, Instant::now());
    assert_eq!((message.used, message.reserved, message.free), (7, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_recalled_lease_is_returned_but_for_what_calls_have_reserved() {
    let mut account = leased(100);
    assert!(is_taken(&mut account, 10));
    assert!(account.recall());
    let (message, _) = ask(&mut account, 0, Outcome::Granted);
    let own = (message.reserved, message.free, message.need, message.wish);
    assert_eq!(own, (10, 0, 0, 0));
    assert!(!account.recall(), "nothing is left to return");
    // From now on, what a call leaves over is returned when it ends.
    assert!(account.settle(10, 4, Instant::now()));
    let (message, _) = ask(&mut account, 0, Outcome::Granted);
    assert_eq!((message.used, message.reserved, message.free), (4, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_holds_until_something_is_returned_or_a_second_has_passed() {
    let mut account = Account::new();
    let refused =
        |account: &mut Account| matches!(account.take(10, false, Instant::now()), Taken::No);
    for again in [false, true] {
        let asked = account.take(10, false, Instant::now());
        assert!(matches!(asked, Taken::Ask(true, _)), "{again}");
        ask(&mut account, 0, Outcome::Short);
        assert!(refused(&mut account));
        match again {
            false => account.freed(),
            true => advance(Duration::from_secs(1)).await,
        }
        assert!(!refused(&mut account));
        ask(&mut account, 0, Outcome::Short);
        account.freed();
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_crosses_a_message_of_another_process_does_not_undo_it() {
    let mut account = Account::new();
    account.take(10, false, Instant::now());
    let now = Instant::now();
    let message = account.message(CALLS, now);
    account.freed();
    account.answered(&message, &reply(0, Outcome::Short), now, now + LEASE);
    let asked = account.take(10, false, now);
    assert!(matches!(asked, Taken::Ask(true, _)), "it is not refused");
    // It is asked for what it holds, before it knows that it does.
    let message = account.message(CALLS, now);
    assert!(!account.recall(), "the task that asks returns it");
    let next = account.answered(&message, &reply(50, Outcome::Granted), now, now + LEASE);
    assert_eq!(next, Next::Ask);
    assert_eq!(account.message(CALLS, now).free, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_changes_nothing_that_is_counted() {
    let mut account = leased(100);
    assert!(is_taken(&mut account, 10));
    account.settle(10, 10, Instant::now());
    assert!(account.recall());
    let lost = account.message(CALLS, Instant::now());
    account.failed(Instant::now());
    assert_eq!((lost.used, lost.reported), (10, 0));
    let (message, _) = ask(&mut account, 0, Outcome::Granted);
    assert_eq!((message.used, message.reported), (10, 0));
    assert!(message.number > lost.number);
    let (message, _) = ask(&mut account, 0, Outcome::Granted);
    assert_eq!((message.used, message.reported), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn what_no_lease_backs_leaves_nothing_over_until_the_server_knows_of_it() {
    let mut account = leased(100);
    assert!(is_taken(&mut account, 100));
    let now = Instant::now();
    account.failed(now);
    account.take_unbacked(10);
    account.take_unbacked(10);
    account.settle(10, 1, now);
    assert!(!is_taken(&mut account, 1), "nothing grows");
    // A message that fails says nothing.
    account.message(CALLS, now);
    account.failed(now);
    account.settle(10, 1, now);
    assert!(!is_taken(&mut account, 1), "nothing grows");
    // All calls but the first hundred are over, and two of their amounts are still owed.
    account.take_unbacked(10);
    let (message, _) = ask(&mut account, 0, Outcome::Granted);
    assert_eq!((message.reserved, message.free), (110, 0));
    // Now the lease contains it.
    account.settle(10, 1, Instant::now());
    account.settle(100, 100, Instant::now());
    let message = account.message(CALLS, Instant::now());
    assert_eq!((message.reserved, message.used), (0, 103));
}
