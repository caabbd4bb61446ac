//! Tables of all worlds.

use std::{io, num::NonZeroUsize, path::Path, sync::Arc, thread};

use super::{
    bound::least,
    field::Field,
    run::{Outcome, Policy, run},
    world::{Kind, Traces, World},
};
use crate::table::mean;

/// Results of the policies in one world, each with its cost as a multiple of the least.
type Results = Vec<(Outcome, f64)>;

/// Prints a table for each kind of world, or for the one of this name.
pub(crate) fn print(folder: &Path, first: u64, seeds: u64, only: Option<&str>) -> io::Result<()> {
    let traces = Traces::read(folder)?;
    for kind in Kind::ALL {
        if only.is_some_and(|only| only != kind.name()) {
            continue;
        }
        let policies = policies(kind);
        let all = each(first, seeds, |seed| {
            let world = kind.world(&traces, seed);
            results(&world, &policies)
        });
        println!(
            "\n{}, seeds {first} to {}\n",
            kind.title(),
            first + seeds - 1
        );
        table(&policies, &all);
        compare(first, &policies, &all);
    }
    Ok(())
}

/// Returns the policies that are compared in a kind of world, ours first.
pub(super) fn policies(kind: Kind) -> Vec<Policy> {
    let ours = match kind {
        Kind::Batch => vec![Policy::Jobs, Policy::Scrimp],
        // Some of whose accounts stall.
        Kind::Stalls | Kind::Random => vec![Policy::Hedged, Policy::Scrimp],
        Kind::Caches | Kind::Quotas => vec![Policy::Scrimp, Policy::Hedged],
        Kind::Lines => vec![Policy::Scrimp, Policy::Hedged, Policy::Told],
    };
    // With one account there is nothing to choose, and all strategies are alike.
    let theirs = match kind {
        Kind::Batch => vec![Field::Sticky],
        _ => Field::ALL.to_vec(),
    };
    ours.into_iter()
        .chain(theirs.into_iter().map(Policy::Field))
        .collect()
}

fn results(world: &Arc<World>, policies: &[Policy]) -> Results {
    let least = least(world);
    let one = |policy: &Policy| {
        let outcome = run(world, *policy);
        let ratio = outcome.total / least;
        (outcome, ratio)
    };
    policies.iter().map(one).collect()
}

/// Calls a function for each seed, on all processors.
fn each<T: Send>(first: u64, seeds: u64, of: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let parallel = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut all: Vec<(u64, T)> = thread::scope(|scope| {
        let of = &of;
        let share = |n: usize| (first + n as u64..first + seeds).step_by(parallel);
        let threads: Vec<_> = (0..parallel)
            .map(|n| scope.spawn(move || share(n).map(|seed| (seed, of(seed))).collect::<Vec<_>>()))
            .collect();
        let done = threads
            .into_iter()
            .map(|thread| thread.join().expect("a policy panicked"));
        done.flatten().collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, value)| value).collect()
}

fn table(policies: &[Policy], all: &[Results]) {
    println!(
        "| policy | of the least cost | worst | paid | cached | mean s | p99 s | refused calls | without answer | late |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (index, policy) in policies.iter().enumerate() {
        let of = |value: &dyn Fn(&Outcome) -> f64| {
            mean(
                &all.iter()
                    .map(|results| value(&results[index].0))
                    .collect::<Vec<_>>(),
            )
        };
        let ratios: Vec<f64> = all.iter().map(|results| results[index].1).collect();
        let worst = crate::table::worst(&ratios);
        println!(
            "| {} | {:.1} % | {:.1} % | ${:.2} | {:.1} % | {:.2} | {:.1} | {:.2} % | {:.2} % | {:.0} |",
            policy.name(),
            100.0 * mean(&ratios),
            100.0 * worst,
            of(&|outcome| outcome.counts.dollars),
            of(&|outcome| 100.0 * outcome.counts.cached as f64
                / outcome.counts.tokens.max(1) as f64),
            of(&Outcome::mean),
            of(&|outcome| outcome.quantile(0.99)),
            of(&|outcome| 100.0 * outcome.counts.throttled as f64
                / outcome.counts.calls.max(1) as f64),
            of(&|outcome| 100.0 * outcome.failed as f64 / outcome.seconds.len().max(1) as f64),
            of(&|outcome| outcome.late as f64),
        );
    }
}

/// Prints the worlds in which a strategy of another router costs no more than ours.
fn compare(first: u64, policies: &[Policy], all: &[Results]) {
    let theirs = policies
        .iter()
        .position(|policy| matches!(policy, Policy::Field(_)));
    let theirs = theirs.expect("there are others");
    let mut best = 0;
    for (results, seed) in all.iter().zip(first..) {
        let others = results[theirs..].iter().enumerate();
        let other = others.min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
        let (index, (_, ratio)) = other.expect("there are others");
        let ours = results[0].1;
        best += u64::from(ours < *ratio);
        if ours >= *ratio {
            println!(
                "world {seed}: {} {:.1} %, scrimp {:.1} %",
                policies[theirs + index].name(),
                100.0 * ratio,
                100.0 * ours
            );
        }
    }
    println!("scrimp costs least in {best} of {} worlds", all.len());
}
