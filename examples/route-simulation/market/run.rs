//! Runs a policy in a world.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    batch,
    field::{Field, Shell},
    layer,
    servers::{Counts, Servers},
    trace::Demand,
    world::World,
};
use crate::run::{FAILURE, SECOND};

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// The layer.
    Scrimp,
    /// The layer with second calls, at the value of a second of the request's priority.
    Hedged,
    /// The layer, told how many calls each account works on at once, behind a limit of calls in flight.
    Told,
    /// The layer, with the layer of batch jobs around it.
    Jobs,
    Field(Field),
}

/// Result of a policy in a world.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    /// Dollars, including the value of waiting and of failures.
    pub(super) total: f64,
    pub(super) counts: Counts,
    /// Requests whose callers got no answer.
    pub(super) failed: u64,
    /// Requests that were answered after they were due.
    pub(super) late: u64,
    /// Sorted seconds until the answer, of requests that callers wait for.
    pub(super) seconds: Vec<f64>,
}

// === impl Policy ===

impl Policy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Scrimp => "scrimp",
            Self::Hedged => "scrimp with second calls",
            Self::Told => "scrimp, told the limits",
            Self::Jobs => "scrimp with batch jobs",
            Self::Field(field) => field.name(),
        }
    }
}

/// Runs a policy in virtual time.
pub(super) fn run(world: &Arc<World>, policy: Policy) -> Outcome {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime without I/O");
    runtime.block_on(async {
        let servers = Servers::new(world);
        match policy {
            Policy::Scrimp | Policy::Hedged | Policy::Told => {
                let client = match policy {
                    Policy::Told => layer::told(&servers),
                    _ => layer::client(&servers, policy == Policy::Hedged),
                };
                send_all(&servers, |servers, index| {
                    layer::send(client.clone(), servers, index)
                })
                .await
            }
            Policy::Jobs => {
                let (jobs, _folder) = batch::layer(&servers);
                let client = batch::client(&servers, &jobs);
                send_all(&servers, |servers, index| {
                    layer::send(client.clone(), servers, index)
                })
                .await
            }
            Policy::Field(field) => {
                let shell = Arc::new(Shell::new(&servers, field));
                send_all(&servers, |_, index| Arc::clone(&shell).send(index)).await
            }
        }
    })
}

/// Sends each request at its time.
async fn send_all<F>(servers: &Arc<Servers>, send: impl Fn(Arc<Servers>, usize) -> F) -> Outcome
where
    F: Future<Output = bool> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (index, demand) in servers.world.demands.iter().enumerate() {
        sleep_until(servers.instant(demand.at)).await;
        let answer = send(Arc::clone(servers), index);
        let began = Instant::now();
        tasks.spawn(async move {
            let answered = answer.await;
            (index, answered, began.elapsed())
        });
    }
    let mut outcome = Outcome::default();
    while let Some(done) = tasks.join_next().await {
        let (index, answered, time) = done.expect("a policy does not panic");
        outcome.add(servers, &servers.world.demands[index], answered, time);
    }
    outcome.counts = servers.counts();
    outcome.total += outcome.counts.dollars;
    outcome.seconds.sort_by(f64::total_cmp);
    outcome
}

// === impl Outcome ===

impl Outcome {
    fn add(&mut self, servers: &Servers, demand: &Demand, answered: bool, time: Duration) {
        let seconds = time.as_secs_f64();
        let is_late = demand.due.is_some_and(|due| demand.at + seconds > due);
        self.late += u64::from(answered && is_late);
        if demand.due.is_none() {
            self.seconds.push(seconds);
            self.total += SECOND[demand.priority] * seconds;
        }
        if !answered || is_late {
            self.total += FAILURE[demand.priority];
        }
        if !answered {
            self.failed += 1;
            // Its caller has to ask again: no answer must not be cheaper than one.
            let dearest = |spec: &super::account::Spec| spec.dollars(demand, 0).into_iter().sum();
            let prices = servers.world.specs.iter().map(dearest);
            self.total += prices.fold(0.0, f64::max);
        }
    }

    /// Returns the seconds that this share of the answers do not exceed.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let at = (self.seconds.len() as f64 * share) as usize;
        self.seconds
            .get(at)
            .or(self.seconds.last())
            .copied()
            .unwrap_or(0.0)
    }

    pub(super) fn mean(&self) -> f64 {
        crate::table::mean(&self.seconds)
    }
}
