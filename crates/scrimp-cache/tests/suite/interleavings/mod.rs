//! Invalidation and all other events, in any order, through the layer.
//!
//! A case is a list of steps: send a request, poll a future, open a gate, read one frame of a
//! body, change the origin, invalidate, let time pass, drop something. A simple model, the newest
//! value that each invalidation has covered, defines what may no longer be served. `SCRIMP_CASES`
//! sets the number of lists.

#![allow(unreachable_pub, reason = "a test binary exports nothing")]

use crate::common;
mod origin;
mod step;
mod verdict;
mod world;

use common::cases::cases;
use proptest::prelude::*;
use step::{Case, case};
use world::World;

fn run(case: Case) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut world = World::new(&case);
        for step in case.steps {
            world.take(step).await;
        }
        world.settle().await;
    });
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn nothing_older_than_an_invalidation_is_given_to_who_asks_later(case in case(false)) {
        run(case);
    }

    #[test]
    fn no_lagging_replica_brings_an_outdated_version_back(case in case(true)) {
        run(case);
    }
}
