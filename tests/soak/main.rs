//! A soak: all layers, on axum and on clients, over HTTP/1.1 and HTTP/2, with everything that can
//! go wrong going wrong, and bodies that prove what they are.
//!
//! Afterwards nothing was wrong, stale or hung, and no task, place, money or byte is left. Batches
//! still form. `scripts/soak.sh` runs it for any time; [`truth`] has the rules of staleness.

mod ask;
mod calm;
mod checker;
mod clock;
mod dice;
mod flood;
mod found;
mod gathering;
mod judge;
mod layers;
mod load;
mod mishap;
mod origin;
mod plan;
mod rest;
mod run;
mod sabotage;
mod shaky;
mod site;
mod tally;
mod thing;
mod truth;

use plan::Plan;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_chaos_nothing_is_wrong_stale_hung_or_left() {
    let plan = Plan::of_environment();
    println!("seed {}, {} s", plan.seed, plan.load.as_secs());
    let tally = run::run(&plan).await;
    println!("{tally}");
    assert!(
        tally.kinds().is_empty(),
        "repeat with SCRIMP_SOAK_SEED={}:\n{tally}",
        plan.seed
    );
}
