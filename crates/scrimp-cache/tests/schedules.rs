//! The log of invalidations under a scheduler that picks every step at random.
//!
//! `SCRIMP_SCHEDULES` sets the number of schedules for each scenario.

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

use scenario::{Born, Means, Scenario};
use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

over!(shuttle);

/// Preemptions at the points that a bug of this depth needs.
const PCT_DEPTH: usize = 4;

fn schedules() -> usize {
    std::env::var("SCRIMP_SCHEDULES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000)
}

fn config() -> Config {
    let mut config = Config::new();
    // The other model covers orderings weaker than SeqCst.
    config.silence_warnings = true;
    config
}

/// Explores schedules: half evenly at random, half with few preemptions in unlikely places.
fn explore(scenario: Scenario) {
    explore_with(scenario, schedules());
}

fn explore_with(scenario: Scenario, schedules: usize) {
    let half = schedules.div_ceil(2);
    let ran = Runner::new(RandomScheduler::new(half), config()).run(move || scenario.run());
    let few = PctScheduler::new(PCT_DEPTH, half);
    let ran = ran + Runner::new(few, config()).run(move || scenario.run());
    println!("{ran} schedules of {scenario:?}");
}

fn scenario(means: Means) -> Scenario {
    Scenario {
        means,
        born: Born::BeforeTheCall,
        fetchers: 2,
        writers: 2,
        readers: 2,
        turns: 2,
    }
}

#[test]
fn nobody_is_given_what_its_tag_invalidated() {
    explore(scenario(Means::Tag));
}

#[test]
fn nobody_is_given_as_fresh_what_its_tag_invalidated_softly() {
    explore(scenario(Means::SoftTag));
}

#[test]
fn nobody_is_given_an_outdated_version() {
    explore(scenario(Means::Version));
}

#[test]
fn nobody_is_given_what_a_pattern_invalidated() {
    explore(scenario(Means::Glob));
}

#[test]
fn nobody_is_given_what_everything_invalidated() {
    explore(scenario(Means::Everything));
}

#[test]
fn nobody_is_given_as_fresh_what_everything_invalidated_softly() {
    explore(scenario(Means::SoftEverything));
}

#[test]
fn nobody_is_given_what_the_log_had_to_forget() {
    explore(scenario(Means::Forgotten));
}

#[test]
fn nobody_is_given_what_a_client_wrote_over() {
    explore(scenario(Means::Write));
}

#[test]
fn nobody_is_given_as_fresh_what_a_cancelled_write_may_have_changed() {
    explore(scenario(Means::CancelledWrite));
}

#[cfg(feature = "codec")]
#[test]
fn nobody_is_given_a_copy_on_disk_of_what_a_client_wrote_over() {
    explore(scenario(Means::WriteToCopy));
}

#[test]
fn nobody_is_given_what_any_of_the_means_invalidated() {
    explore(scenario(Means::Mixed));
}

#[test]
#[should_panic(expected = "was given out after the invalidation")]
fn a_position_noted_after_the_call_would_be_caught() {
    // It ends with the first failing schedule, about one in a hundred.
    let scenario = Scenario {
        born: Born::AfterTheCall,
        ..scenario(Means::Tag)
    };
    explore_with(scenario, 20_000);
}
