//! Tests of the breaker.

use super::*;

fn opened() -> Arc<Breaker> {
    let breaker = Arc::new(Breaker::default());
    let pass = breaker.admit().expect("it is closed");
    assert_eq!(pass.failed(), BreakerChange::Opened);
    breaker
}

#[test]
fn the_first_failure_opens_it_and_then_nothing_passes() {
    let breaker = opened();
    assert!(breaker.admit().is_none() && breaker.is_open());
}

#[test]
fn after_a_probe_one_command_tries_and_its_success_closes_the_breaker() {
    let breaker = opened();
    breaker.probed();
    let trial = breaker.admit().expect("a trial");
    assert!(breaker.admit().is_none());
    assert_eq!(trial.succeeded(), BreakerChange::Closed);
    assert!(breaker.admit().is_some() && breaker.streak() == 0);
}

#[test]
fn a_trial_that_fails_opens_the_breaker_again() {
    let breaker = opened();
    breaker.probed();
    assert_eq!(
        breaker.admit().expect("a trial").failed(),
        BreakerChange::None
    );
    assert!(breaker.admit().is_none());
    assert_eq!(breaker.streak(), 2);
}

#[test]
fn a_trial_that_is_cancelled_leaves_the_next_command_a_trial() {
    let breaker = opened();
    breaker.probed();
    drop(breaker.admit());
    assert_eq!(
        breaker.admit().expect("a trial").succeeded(),
        BreakerChange::Closed
    );
}

#[test]
fn a_command_from_before_the_failure_does_not_open_the_breaker_again() {
    let breaker = Arc::new(Breaker::default());
    let early = breaker.admit().expect("it is closed");
    assert!(breaker.open());
    breaker.probed();
    breaker.admit().expect("a trial").succeeded();
    assert_eq!(early.failed(), BreakerChange::None);
    assert!(breaker.admit().is_some());
}

/// Returns a breaker in each state: closed, open, half-open, and with a trial under way.
fn in_each_state() -> ([Arc<Breaker>; 4], BreakerPass) {
    let half_open = opened();
    half_open.probed();
    let trying = opened();
    trying.probed();
    let trial = trying.admit().expect("a trial");
    (
        [Arc::new(Breaker::default()), opened(), half_open, trying],
        trial,
    )
}

#[test]
fn a_breaker_is_open_only_while_nothing_tries_and_closed_only_while_all_passes() {
    let (states, _trial) = in_each_state();
    let open = states.each_ref().map(|breaker| breaker.is_open());
    let closed = states.each_ref().map(|breaker| breaker.is_closed());
    assert_eq!(open, [false, true, false, false]);
    assert_eq!(closed, [true, false, false, false]);
}

#[test]
fn a_second_probe_closes_a_breaker_that_no_command_tries_and_no_other() {
    let (states, trial) = in_each_state();
    let settled = states.each_ref().map(|breaker| breaker.settle());
    assert_eq!(settled, [false, false, true, false]);
    let closed = states.each_ref().map(|breaker| breaker.is_closed());
    assert_eq!(closed, [true, false, true, false]);
    let streaks = states.each_ref().map(|breaker| breaker.streak());
    assert_eq!(streaks, [0, 1, 0, 1], "what has failed is forgotten");
    assert_eq!(trial.succeeded(), BreakerChange::Closed);
}

#[test]
fn a_breaker_that_is_opened_is_open_whatever_it_was() {
    let (states, trial) = in_each_state();
    let was_closed = states.each_ref().map(|breaker| breaker.open());
    assert_eq!(was_closed, [true, false, false, false]);
    for breaker in &states {
        assert!(breaker.is_open() && breaker.admit().is_none());
    }
    let streaks = states.each_ref().map(|breaker| breaker.streak());
    assert_eq!(streaks, [1, 2, 2, 2]);
    assert_eq!(trial.succeeded(), BreakerChange::None);
    assert!(states[3].is_open(), "a trial from before does not close it");
}

#[test]
fn a_probe_lets_a_command_try_only_where_the_breaker_is_open() {
    let (states, _trial) = in_each_state();
    states.iter().for_each(|breaker| breaker.probed());
    let passes = states.each_ref().map(Breaker::admit);
    let trials = passes
        .each_ref()
        .map(|pass| pass.as_ref().map(BreakerPass::is_trial));
    assert_eq!(trials, [Some(false), Some(true), Some(true), None]);
}

#[test]
fn each_opening_is_told_from_the_one_before() {
    // A trial that was cut off by an opening does not decide the trial of the next one.
    let breaker = opened();
    breaker.probed();
    let early = breaker.admit().expect("a trial");
    breaker.open();
    breaker.probed();
    let late = breaker.admit().expect("a trial");
    assert_eq!(early.succeeded(), BreakerChange::None);
    assert!(breaker.admit().is_none(), "the second one still tries");
    assert_eq!(late.failed(), BreakerChange::None);
    assert!(breaker.is_open());
    // Neither do two failures of commands that were sent together open it twice.
    let breaker = Arc::new(Breaker::default());
    let [one, two] = [breaker.admit(), breaker.admit()].map(|pass| pass.expect("closed"));
    assert_eq!(one.failed(), BreakerChange::Opened);
    assert_eq!(two.failed(), BreakerChange::None);
    assert_eq!(breaker.streak(), 1);
}

#[test]
fn a_trial_that_is_cancelled_leaves_the_breaker_half_open_and_its_failures_counted() {
    let breaker = opened();
    breaker.probed();
    assert_eq!(
        breaker.admit().expect("a trial").failed(),
        BreakerChange::None
    );
    assert!(breaker.is_open());
    breaker.probed();
    let trial = breaker.admit().expect("a trial");
    assert!(trial.is_trial());
    drop(trial);
    assert!(!breaker.is_closed() && !breaker.is_open());
    assert_eq!(breaker.streak(), 2);
}

#[test]
fn a_success_of_a_closed_breaker_forgets_failures_and_changes_nothing() {
    let breaker = Arc::new(Breaker::default());
    let [early, late] = [breaker.admit(), breaker.admit()].map(|pass| pass.expect("closed"));
    assert_eq!(early.failed(), BreakerChange::Opened);
    assert_eq!(late.succeeded(), BreakerChange::None);
    assert_eq!((breaker.streak(), breaker.is_open()), (0, true));
}
