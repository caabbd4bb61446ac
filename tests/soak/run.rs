//! A run: load with chaos, calm, rest.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    dice::unscripted_panics,
    plan::Plan,
    rest::{at_rest, no_tasks_left, resident, tasks},
    sabotage::{Sabotage, leave},
    site::Site,
    tally::{Kind, Tally},
};

/// Growth of memory after the warm-up that is not judged, in KiB.
const SLACK: u64 = 48 << 10;

/// Runs the plan, and returns what was counted and found.
pub(crate) async fn run(plan: &Plan) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    let (tasks_before, panics_before) = (tasks(), unscripted_panics());
    let mut sites = Vec::new();
    for stack in &plan.stacks {
        sites.push(Arc::new(Site::start(plan, *stack, &tally).await));
    }
    let until = Instant::now() + plan.load;
    let mut work = start(plan, &sites, until);
    watch_memory(plan, until, &tally).await;
    for site in &sites {
        site.origin.dice.stop();
    }
    // Each ends by itself: no request lasts longer than the patience of its caller.
    while let Some(ended) = work.join_next().await {
        if let Err(error) = ended {
            tally.fault(Kind::Panic, format!("a task of the run: {error}"));
        }
    }
    let mut left = Vec::new();
    for (round, site) in (1..).zip(&sites) {
        if plan.sabotage == Some(Sabotage::DeadUpstream) {
            site.origin.gathering.close(usize::MAX);
        }
        site.recovers(plan.recovery).await;
        if let Some(sabotage) = plan.sabotage {
            left.push(leave(sabotage, site).await);
        }
        site.still_batches(round).await;
    }
    let closed: Vec<_> = sites
        .into_iter()
        .map(|site| Arc::into_inner(site).expect("all tasks have ended").close())
        .collect();
    no_tasks_left(tasks_before, &tally).await;
    for (name, place, layers) in &closed {
        at_rest(name, *place, layers, &tally);
    }
    drop(left);
    let panics = unscripted_panics() - panics_before;
    // Other tests of this process may fail at the same time.
    if panics > 0 && plan.chaos {
        tally.fault(
            Kind::Panic,
            format!("{panics} panics that were not scripted"),
        );
    }
    tally.add("run", "seconds of load", plan.load.as_secs());
    tally.add("run", "seed", plan.seed);
    tally
}

/// Starts callers, writers, floods and jumps of clocks.
fn start(plan: &Plan, sites: &[Arc<Site>], until: Instant) -> JoinSet<()> {
    let mut work = JoinSet::new();
    for site in sites {
        let mut random = site.origin.dice.fork();
        for _ in 0..plan.callers {
            work.spawn(Arc::clone(site).read(random.u64(..), until));
        }
        for _ in 0..2 {
            work.spawn(Arc::clone(site).write(random.u64(..), until));
        }
        if plan.chaos {
            work.spawn(Arc::clone(site).flood(random.u64(..), until));
            let dice = Arc::clone(&site.origin.dice);
            work.spawn(site.clock.clone().jump(dice, until));
        }
    }
    work
}

/// Reads the memory once a second until the end of the load, and judges its growth after the first
/// third.
async fn watch_memory(plan: &Plan, until: Instant, tally: &Tally) {
    let mut samples = Vec::new();
    let mut late = Duration::ZERO;
    while Instant::now() < until {
        let wakes = (Instant::now() + Duration::from_secs(1)).min(until);
        sleep_until(wakes).await;
        late = late.max(wakes.elapsed());
        samples.push(resident());
    }
    // Tells a machine that has no time from a request that hangs.
    tally.add(
        "run",
        "longest delay of a timer, ms",
        late.as_millis() as u64,
    );
    let most = samples.iter().copied().max().unwrap_or(0);
    tally.add("run", "memory: highest, KiB", most);
    let median = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or(0)
    };
    let sixth = samples.len() / 6;
    if sixth == 0 || !plan.chaos {
        return;
    }
    let warm = median(&samples[sixth * 2..sixth * 3]);
    let last = median(&samples[samples.len() - sixth..]);
    tally.add("run", "memory: after the warm-up, KiB", warm);
    tally.add("run", "memory: at the end, KiB", last);
    if last > warm + warm / 4 + SLACK {
        let text = format!("{last} KiB of memory at the end, {warm} after the warm-up");
        tally.fault(Kind::Bytes, text);
    }
}
