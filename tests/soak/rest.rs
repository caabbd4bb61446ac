//! At rest: no task, place, money or byte is left.

use std::time::Duration;

use scrimp::core::{Currency, Money};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

use crate::{
    layers::{LIMIT, Layers, STORE},
    plan::Place,
    tally::{Kind, Tally},
};

/// Time in which connections and background work end.
const DRAIN: Duration = Duration::from_secs(12);

/// Returns the number of tasks of this runtime.
pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Returns the memory of this process, in KiB.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Waits until no more tasks are alive than before the run.
pub(crate) async fn no_tasks_left(before: usize, tally: &Tally) {
    let until = Instant::now() + DRAIN;
    while tasks() > before {
        if Instant::now() > until {
            let left = tasks() - before;
            tally.fault(Kind::Tasks, format!("{left} tasks are left"));
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Checks that the layers hold nothing. The servers and clients are gone.
pub(crate) fn at_rest(name: &str, place: Place, layers: &Layers, tally: &Tally) {
    let cache = layers.cache.stats();
    let (store, coalesce) = (cache.store, layers.coalesce.stats());
    let none = |kind, what: &str, count: u64| {
        if count > 0 {
            tally.fault(kind, format!("{name}: {count} {what} left"));
        }
    };
    none(Kind::Bytes, "bytes of fills are", store.fill_bytes);
    none(
        Kind::Bytes,
        "bytes of shared bodies are",
        coalesce.held_bytes,
    );
    none(Kind::Permits, "flights are", coalesce.in_flight);
    if store.peak_bytes > STORE {
        let text = format!(
            "{name}: the store held {} of {STORE} bytes",
            store.peak_bytes
        );
        tally.fault(Kind::Bytes, text);
    }
    let line = |what: &str, count| tally.add("layers", format!("{name}: {what}"), count);
    line("cache hits", cache.hits);
    line("cache stale", cache.stale);
    line("cache revalidated", cache.revalidated);
    line("cache misses", cache.misses);
    line("cache superseded", cache.superseded);
    line("coalesce joined", coalesce.joined);
    line("coalesce cut off", coalesce.cut_off);
    let stampede = layers.stampede.stats();
    line("stampede refreshes", stampede.refreshes);
    line("stampede waited", stampede.waited);
    line("store peak bytes", store.peak_bytes);
    if place == Place::Client {
        let batch = layers.batch.stats();
        line("batch batches", batch.batches);
        line("batch items", batch.items);
        line("batch alone", batch.alone);
        line("batch split", batch.split);
        line("batch retried", batch.retried);
        let route = layers.cost_route.stats();
        line("router calls", route.calls);
        line("router failovers", route.failovers);
        line("router refused by a budget", route.refused.budget);
        money(name, layers, tally);
    }
}

/// Checks that nothing is reserved, and that every call has ended.
fn money(name: &str, layers: &Layers, tally: &Tally) {
    let route = layers.cost_route.stats();
    let ended = route.succeeded + route.failed + route.cancelled;
    if ended != route.calls {
        let text = format!(
            "{name}: {ended} of {} calls of the router have ended",
            route.calls
        );
        tally.fault(Kind::Money, text);
    }
    let figures = layers.cost_route.figures().json();
    for provider in figures["providers"].as_array().into_iter().flatten() {
        if provider["in_flight"].as_u64() != Some(0) {
            tally.fault(Kind::Permits, format!("{name}: {provider}"));
        }
    }
    // What is left under the cap can be reserved at once only if nothing else is reserved.
    let budget = &layers.budget;
    drop(budget.reserve(Money::zero(Currency::USD), "", "", ""));
    let lines = budget.snapshot();
    let spent = lines
        .iter()
        .find(|line| line.cap == "all")
        .map(|line| line.spent);
    let limit: Money = LIMIT.parse().expect("an amount");
    let left = limit.checked_sub(spent.unwrap_or(Money::zero(Currency::USD)));
    let left = left.expect("one currency");
    if let Err(refusal) = budget.reserve(left, "", "", "") {
        let text = format!("{name}: {left} cannot be reserved: {refusal:?}");
        tally.fault(Kind::Money, text);
    }
}
