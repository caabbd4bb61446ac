//! The log of invalidations under the memory model: every execution of small scenarios,
//! with every value that each atomic load may return.

#![allow(
    dead_code,
    reason = "the sources under test are compiled here, and each model uses its part"
)]

#[macro_use]
#[path = "model/sync.rs"]
mod checker;
#[path = "../src/invalidation/bucket.rs"]
mod bucket;
#[path = "../src/invalidation/carried.rs"]
mod carried;
#[path = "../src/invalidation/covered.rs"]
mod covered;
#[path = "../src/invalidation/epoch.rs"]
mod epoch;
#[path = "../src/invalidation/kept.rs"]
mod kept;
#[path = "../src/invalidation/log.rs"]
mod log;
#[cfg(feature = "codec")]
#[path = "../src/invalidation/outside.rs"]
mod outside;
#[path = "model/scenario.rs"]
mod scenario;
#[path = "../src/invalidation/tags.rs"]
mod tags;
#[path = "../src/invalidation/validity.rs"]
mod validity;
#[path = "../src/invalidation/versions.rs"]
mod versions;
#[path = "../src/invalidation/writes.rs"]
mod writes;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use scenario::{Born, Means, Scenario};

over!(loom);

/// Preemptions per execution; `SCRIMP_PREEMPTIONS` sets another limit.
fn preemptions() -> usize {
    std::env::var("SCRIMP_PREEMPTIONS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2)
}

fn explore(scenario: Scenario) {
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions());
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        scenario.run();
    });
    let executions = executions.load(Ordering::Relaxed);
    println!("{executions} executions of {scenario:?}");
}

/// Returns a scenario of one fetch, one write, one read.
fn scenario(means: Means) -> Scenario {
    Scenario {
        means,
        born: Born::BeforeTheCall,
        fetchers: 1,
        writers: 1,
        readers: 1,
        turns: 1,
    }
}

#[test]
fn every_execution_of_each_means_keeps_old_values_back() {
    for means in [
        Means::Tag,
        Means::SoftTag,
        Means::Version,
        Means::Glob,
        Means::Everything,
        Means::SoftEverything,
        Means::Forgotten,
        Means::Write,
        Means::CancelledWrite,
        #[cfg(feature = "codec")]
        Means::WriteToCopy,
    ] {
        explore(scenario(means));
    }
}

#[test]
fn two_readers_that_note_how_far_they_checked_do_not_mislead_each_other() {
    explore(Scenario {
        readers: 2,
        ..scenario(Means::Tag)
    });
}

#[test]
#[should_panic(expected = "was given out after the invalidation")]
fn a_position_noted_after_the_call_would_be_caught() {
    explore(Scenario {
        born: Born::AfterTheCall,
        ..scenario(Means::Tag)
    });
}
