//! Invalidation: its targets, its timing, its authorisation.

mod admin;
#[path = "../common/mod.rs"]
mod common;
mod kinds;
mod purger;
mod races;
mod tags;

use scrimp_cache::Rule;

fn rule(text: &str) -> Rule {
    text.parse().expect("a rule")
}
