//! The checker finds each fault that is put into a stack.

use std::time::Duration;

use crate::{
    plan::{Place, Plan},
    run::run,
    sabotage::Sabotage,
    tally::Kind,
};

/// Expects faults of one kind, and of no other kind than these.
async fn finds(place: Place, sabotage: Sabotage, kinds: &[Kind]) {
    let mut plan = Plan::sabotaged(place, sabotage);
    if matches!(sabotage, Sabotage::NoAnswer | Sabotage::DeadUpstream) {
        plan.patience = Duration::from_millis(500);
    }
    if sabotage == Sabotage::DeadUpstream {
        plan.recovery = Duration::from_secs(1);
    }
    let tally = run(&plan).await;
    let found = tally.kinds();
    assert!(found.contains(&kinds[0]), "{sabotage:?}: {tally}");
    let others = found.iter().any(|kind| !kinds.contains(kind));
    assert!(!others, "{sabotage:?}: {tally}");
}

#[tokio::test]
async fn a_stack_without_a_fault_passes() {
    for place in [Place::Server, Place::Client] {
        let mut plan = Plan::sabotaged(place, Sabotage::Task);
        plan.sabotage = None;
        let tally = run(&plan).await;
        assert_eq!(tally.kinds(), [], "{tally}");
    }
}

#[tokio::test]
async fn answers_from_before_an_invalidation_are_found() {
    for place in [Place::Server, Place::Client] {
        finds(
            place,
            Sabotage::OldAnswers,
            &[Kind::Stale, Kind::Unrecovered],
        )
        .await;
    }
}

#[tokio::test]
async fn answers_to_others_are_found() {
    for place in [Place::Server, Place::Client] {
        finds(
            place,
            Sabotage::OthersAnswers,
            &[Kind::Wrong, Kind::Unrecovered],
        )
        .await;
    }
}

#[tokio::test]
async fn bodies_that_end_early_are_found() {
    finds(
        Place::Client,
        Sabotage::ShortBodies,
        &[Kind::Wrong, Kind::Unrecovered],
    )
    .await;
}

#[tokio::test]
async fn requests_without_an_answer_are_found() {
    let kinds = [Kind::Hung, Kind::Unrecovered, Kind::Permits];
    for place in [Place::Server, Place::Client] {
        finds(place, Sabotage::NoAnswer, &kinds).await;
    }
}

#[tokio::test]
async fn an_upstream_that_stays_dead_is_found() {
    let kinds = [Kind::Unrecovered, Kind::Hung];
    finds(Place::Server, Sabotage::DeadUpstream, &kinds).await;
}

#[tokio::test]
async fn a_task_that_is_left_is_found() {
    finds(Place::Server, Sabotage::Task, &[Kind::Tasks]).await;
}

#[tokio::test]
async fn a_place_that_is_left_is_found() {
    // A task holds the place.
    let kinds = [Kind::Permits, Kind::Tasks];
    finds(Place::Client, Sabotage::Place, &kinds).await;
}

#[tokio::test]
async fn money_that_is_left_reserved_is_found() {
    finds(Place::Client, Sabotage::Money, &[Kind::Money]).await;
}

#[tokio::test]
async fn bytes_that_are_left_are_found() {
    for place in [Place::Server, Place::Client] {
        finds(place, Sabotage::Bytes, &[Kind::Bytes]).await;
    }
}

#[tokio::test]
async fn batches_that_do_not_form_are_found() {
    finds(
        Place::Client,
        Sabotage::NoBatches,
        &[Kind::Batches, Kind::Permits],
    )
    .await;
}
