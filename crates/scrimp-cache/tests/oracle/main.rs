//! The layer compared with `http-cache-semantics`, on random histories.
//!
//! For each difference in decisions, a class in `classes/` gives the reason and the side that is
//! right. `SCRIMP_CASES` sets the number of histories. A large number also shows that every class
//! is still needed.

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

/// Number of histories from which every class is expected to occur.
const MANY: u32 = 100_000;

#[derive(Default)]
struct Tally {
    histories: u32,
    disagreements: u32,
    /// Number of differences that need each class.
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

/// Compares the decisions. With `many` it also counts the needed classes, which takes most of the
/// time.
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

/// Returns the oracle's decisions on a rewritten history.
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
