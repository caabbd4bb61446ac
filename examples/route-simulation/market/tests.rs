use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    bound::least,
    field::Field,
    run::{Outcome, Policy, run},
    world::{Kind, Traces, World},
};

/// Seed of the worlds: no setting was tuned on it.
const FRESH: u64 = 9_200;

/// Returns a world, if the traces are beside the checkout.
fn world(kind: Kind) -> Option<Arc<World>> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    if !root.is_dir() {
        eprintln!("absent: ../shared/traces");
        return None;
    }
    let traces = Traces::read(&root).expect("readable traces");
    Some(kind.world(&traces, FRESH))
}

/// Runs policies, and checks that each request is counted and none costs less than the least.
fn run_all<const N: usize>(world: &Arc<World>, policies: [Policy; N]) -> [Outcome; N] {
    let least = least(world);
    let waiting = world.demands.iter().filter(|demand| demand.due.is_none());
    let waiting = waiting.count();
    policies.map(|policy| {
        let outcome = run(world, policy);
        assert_eq!(outcome.seconds.len(), waiting, "{policy:?}");
        assert!(
            outcome.total >= least,
            "{policy:?}: {} below {least}",
            outcome.total
        );
        outcome
    })
}

#[test]
fn conversations_stay_where_they_are_cached_as_with_sticky_sessions() {
    let Some(world) = world(Kind::Caches) else {
        return;
    };
    let policies = [
        Policy::Scrimp,
        Policy::Field(Field::Sticky),
        Policy::Field(Field::Shuffle),
    ];
    let [ours, sticky, shuffle] = run_all(&world, policies).map(|outcome| outcome.total);
    assert!(ours <= 1.01 * sticky, "{ours} beside {sticky}");
    assert!(ours <= 0.8 * shuffle, "{ours} beside {shuffle}");
}

#[test]
fn calls_above_the_quotas_are_not_made() {
    let Some(world) = world(Kind::Quotas) else {
        return;
    };
    let [ours] = run_all(&world, [Policy::Scrimp]);
    let refused = ours.counts.throttled as f64 / ours.counts.calls as f64;
    assert!(refused <= 0.001, "{refused}");
}

#[test]
fn accounts_whose_limits_are_told_are_filled_as_by_the_least_busy() {
    let Some(world) = world(Kind::Lines) else {
        return;
    };
    let policies = [Policy::Told, Policy::Field(Field::LeastBusy)];
    let [ours, theirs] = run_all(&world, policies);
    let refused = ours.failed as f64 / ours.counts.calls as f64;
    assert!(refused <= 0.003, "{refused}");
    assert!(
        ours.total <= theirs.total,
        "{} beside {}",
        ours.total,
        theirs.total
    );
}

#[test]
fn second_calls_beside_stalls_save_more_than_they_cost() {
    let Some(world) = world(Kind::Stalls) else {
        return;
    };
    let [with, without] = run_all(&world, [Policy::Hedged, Policy::Scrimp]);
    let [faster, slower] = [&with, &without].map(|outcome| outcome.quantile(0.99));
    assert!(faster <= 0.85 * slower, "{faster} s beside {slower} s");
    assert!(
        with.total <= without.total,
        "{} beside {}",
        with.total,
        without.total
    );
}

#[test]
fn requests_with_hours_of_time_cost_half_and_none_is_late() {
    let Some(world) = world(Kind::Batch) else {
        return;
    };
    let [jobs, at_once] = run_all(&world, [Policy::Jobs, Policy::Scrimp]);
    assert_eq!(jobs.late, 0);
    let [jobs, at_once] = [&jobs, &at_once].map(|outcome| outcome.counts.dollars);
    // Half of the price of three requests in ten.
    assert!(jobs <= 0.88 * at_once, "{jobs} beside {at_once}");
}

#[test]
fn a_strategy_that_runs_twice_costs_the_same() {
    let Some(world) = world(Kind::Random) else {
        return;
    };
    for field in Field::ALL {
        let [one, other] = [(), ()].map(|()| run(&world, Policy::Field(field)).total.to_bits());
        assert_eq!(one, other, "{field:?}");
    }
}
