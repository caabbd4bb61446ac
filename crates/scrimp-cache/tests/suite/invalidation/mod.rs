//! Invalidation: its targets, its timing, its authorisation.

mod admin;
mod kinds;
mod purger;
mod races;
mod tags;

use scrimp_cache::Rule;

fn rule(text: &str) -> Rule {
    text.parse().expect("a rule")
}
