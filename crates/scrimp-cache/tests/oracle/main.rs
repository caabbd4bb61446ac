//! The layer against `http-cache-semantics`, on histories made at random.
//!
//! Where the two decide differently, a class in `classes/` says why and who is right.
//! `SCRIMP_CASES` sets how many histories are tried; a large number also shows that every
//! class is still needed.

#![allow(unreachable_pub, reason = "the modules of a test are its own")]

mod classes;
#[path = "../common/mod.rs"]
mod common;
mod decide;
mod history;
mod making;
mod rewrite;
mod writing;

use std::{cell::RefCell, collections::BTreeMap};

use classes::classes;
use common::cases::cases;
use decide::{Decisions, oracle, scrimp};
use history::History;
use making::history;
use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};

/// From here on every class is expected to come up.
const MANY: u32 = 100_000;

#[derive(Default)]
struct Tally {
    histories: u32,
    disagreements: u32,
    /// Per class, the disagreements that it takes to explain.
    needed: BTreeMap<&'static str, u32>,
}

#[test]
fn every_disagreement_with_http_cache_semantics_is_a_known_one() {
    let config = cases(2_000);
    let many = config.cases >= MANY;
    let tally = RefCell::new(Tally::default());
    let result = TestRunner::new(config).run(&history(), |history| {
        compare(&history, many, &mut tally.borrow_mut())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let tally = tally.into_inner();
    println!(
        "{} histories, {} disagreements",
        tally.histories, tally.disagreements
    );
    for class in classes().filter(|_| many) {
        let needed = tally.needed.get(class.name).copied().unwrap_or_default();
        println!(
            "| `{}` | {} | {} | {needed} |",
            class.name, class.section, class.verdict
        );
        assert!(needed > 0, "no history needs {}", class.name);
    }
}

/// `many` also counts which classes it takes, which is most of the time.
fn compare(history: &History, many: bool, tally: &mut Tally) -> Result<(), TestCaseError> {
    let ours = scrimp(history);
    let theirs = oracle(history);
    let explained = explain(history, None);
    prop_assert_eq!(
        &ours,
        &explained,
        "\nunexplained: the layer (left) and the oracle, told what the history means (right)\
         \nthe oracle as it stands: {:?}{:?}{:?}",
        theirs,
        history,
        rewritten(history, None)
    );
    tally.histories += 1;
    if ours != theirs {
        tally.disagreements += 1;
        for class in classes().filter(|_| many) {
            if explain(history, Some(class.name)) != ours {
                *tally.needed.entry(class.name).or_default() += 1;
            }
        }
    }
    Ok(())
}

/// The oracle's decisions, once it was told what the history means.
fn explain(history: &History, without: Option<&str>) -> Decisions {
    oracle(&rewritten(history, without))
}

fn rewritten(history: &History, without: Option<&str>) -> History {
    let mut history = history.clone();
    for class in classes() {
        if Some(class.name) != without {
            (class.rewrite)(&mut history);
        }
    }
    history
}
