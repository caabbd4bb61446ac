//! A product catalogue: a thousand reads for each price change.

mod day;
mod layers;
mod shop;
mod traffic;

use std::time::Duration;

use super::{
    Demo,
    outcome::{Line, Scenario},
    prices::{CALL, saved},
    value::{Goal, Value},
};
use crate::{error::Result, support::format::count};
use day::{Day, open};
use shop::TAKES;
use traffic::Traffic;

/// Reads in an hour of a shop with twelve million reads a day.
const READS: u64 = 500_000;
const SPAN: Duration = Duration::from_secs(3_600);

pub(super) async fn run(demo: &Demo) -> Result<Scenario> {
    let parts = demo.one_in;
    let traffic = Traffic {
        reads: READS / parts,
        span: SPAN / u32::try_from(parts).unwrap_or(1),
        warm: true,
        events: true,
        learned: false,
        timed: true,
    };
    let day = open(demo.seed, traffic).await?;
    let quiet_traffic = Traffic {
        reads: traffic.reads / 10,
        timed: false,
        ..traffic
    };
    let quiet = open(demo.seed, quiet_traffic).await?;
    let minute = Duration::from_secs(60).min(traffic.span);
    let unwarmed = Traffic {
        reads: traffic.reads * minute.as_secs() / traffic.span.as_secs().max(1),
        span: minute,
        warm: false,
        ..quiet_traffic
    };
    let unwarmed = open(demo.seed, unwarmed).await?;
    let deaf = Traffic {
        events: false,
        ..quiet_traffic
    };
    let learning = Traffic {
        learned: true,
        ..deaf
    };
    let deaf = open(demo.seed, deaf).await?;
    let learning = open(demo.seed, learning).await?;
    let told = told(&day, &quiet, &unwarmed, &deaf, traffic);
    Ok(told.lines(lifetimes(&deaf, &learning)))
}

fn told(day: &Day, quiet: &Day, unwarmed: &Day, deaf: &Day, traffic: Traffic) -> Scenario {
    let quiet = saved(CALL * quiet.reads, CALL * quiet.calls);
    Scenario::new(
        "product catalogue",
        format!(
            "{} reads in {} minutes and {} price changes; lists by category, page and customer \
             tier, products by tier, popularity by Zipf's law; electronics are stored for 2 min, \
             books for 30, all others for 10; StampedeLayer, CacheLayer, CoalesceLayer.",
            count(day.reads),
            traffic.span.as_secs() / 60,
            count(day.changes),
        ),
    )
    .lines(savings(day))
    .lines(waits(day, unwarmed))
    .lines(promises(day, deaf))
    .line(Line::share("saved, with a tenth of the readers", quiet))
    .note(format!(
        "Warming is {} of the calls and early refreshes {}: both avoid waiting, and cost calls. \
         Without price events (here: a tenth of the readers) an old price is served until it \
         expires. Savings depend on the number of reads of a page before it expires or changes: \
         see the last line.",
        count(day.warmed),
        count(day.refreshes),
    ))
}

fn savings(day: &Day) -> [Line; 3] {
    let (all, paid) = (CALL * day.reads, CALL * day.calls);
    [
        Line::count("calls of the shop's API", day.calls).without(Value::Count(day.reads)),
        Line::money("cost at $0.01 a call", paid)
            .without(Value::Money(all))
            .goal(Goal::AtMost(Value::Money(CALL * (day.reads / 10)))),
        Line::share("saved", saved(all, paid)).goal(Goal::AtLeast(Value::Share(0.9))),
    ]
}

fn waits(day: &Day, unwarmed: &Day) -> [Line; 4] {
    let at_most = |millis| Goal::AtMost(Value::Time(Duration::from_millis(millis)));
    let first = "early waits for a popular list, warmed";
    [
        Line::time("duration of a hit (real time)", day.hit)
            .without(Value::Time(TAKES))
            .goal(at_most(2)),
        Line::time("slowest read", day.slowest)
            .without(Value::Time(TAKES))
            .goal(at_most(100)),
        Line::count("reads that waited", day.waited).without(Value::Count(day.reads)),
        Line::count(first, day.waited_at_first).without(Value::Count(unwarmed.waited_at_first)),
    ]
}

/// Returns lifetimes learned from changes, beside those of the categories, where no event tells of a price.
fn lifetimes(deaf: &Day, learning: &Day) -> [Line; 2] {
    let calls = Value::Count(deaf.calls);
    [
        Line::count(
            "old prices without events, lifetimes learned",
            learning.stale,
        )
        .without(Value::Count(deaf.stale)),
        Line::count("calls without events, lifetimes learned", learning.calls).without(calls),
    ]
}

fn promises(day: &Day, deaf: &Day) -> [Line; 4] {
    let none = Goal::Exactly(Value::Count(0));
    let answered = day.reads + day.warmed + day.refreshes;
    let booked = answered.saturating_sub(day.avoided);
    [
        Line::time("time an old price is served after its event", day.stale_for)
            .without(Value::Time(deaf.stale_for))
            .must(Goal::Exactly(Value::Time(Duration::ZERO))),
        Line::count("responses with an old price", day.stale)
            .without(Value::Count(deaf.stale))
            .must(none),
        Line::count("calls, by the layers' ledger", booked)
            .must(Goal::Exactly(Value::Count(day.calls))),
        Line::count("reads that failed", day.failed).must(none),
    ]
}
