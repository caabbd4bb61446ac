//! The replay of a log through the cache in virtual time.

use std::time::Duration;

use scrimp_demo::support::stopwatch::Stopwatch;
use tokio::time::{Instant, sleep_until};

use crate::{
    drive::{Bench, Driven, told},
    error::Result,
    fleet::FleetRun,
    full,
    input::Input,
    intake::{self, Content},
    overlap::Crowd,
    prefetch::PrefetchRun,
    progress::Progress,
    report::{Reading, Report},
    settings::Settings,
    simulated::{anchored, micros, request, virtual_time},
    sort::Sorted,
    stack::{Stack, Stats},
    upstream::{Meter, Upstream},
};

/// Highest number of routes in a report.
const TOP_ROUTES: usize = 20;

/// Replays logs through the cache, and reports what it would have saved.
///
/// All inputs are read first and sorted by time. Then each request is made at its time, in virtual
/// time.
///
/// # Errors
///
/// If the settings contradict each other, if an input cannot be read, if the inputs contain nothing to replay, or if there is no disk
/// space for sorting.
pub fn replay(
    inputs: Vec<Input>,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Report> {
    settings.check_fleet()?;
    settings.check_prefetch()?;
    let stopwatch = Stopwatch::start();
    let (reading, sorted, content) = intake::read(inputs, settings, progress)?;
    let settings = &Settings {
        longest_logged: sorted.longest,
        mean_logged: sorted.mean,
        ..settings.clone()
    };
    let driving = drive(reading, sorted, content, settings, progress);
    let mut report = virtual_time()?.block_on(driving)?;
    report.elapsed = stopwatch.elapsed();
    Ok(report)
}

async fn drive(
    reading: Reading,
    mut sorted: Sorted,
    content: Content,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Report> {
    let (total, span) = (sorted.count, sorted.span.unwrap_or_default());
    let mut bench = Bench::new(settings, content, total, span)?;
    let driven = if settings.is_full() {
        full::drive(&mut sorted, settings, &mut bench, progress).await?
    } else if settings.overlaps() {
        overlapping(&mut sorted, settings, &mut bench, progress).await?
    } else {
        in_turn(&mut sorted, settings, &mut bench, progress).await?
    };
    progress.replaying(total, total);
    let Bench {
        tally,
        comparison,
        trials,
        fleet,
        prefetch,
    } = bench;
    let stampede = match comparison {
        Some(comparison) => Some(comparison.finish().await),
        None => None,
    };
    let best = tally.ceiling.finish()?;
    let Stats {
        saved,
        entries,
        peak_bytes,
        evicted,
        not_stored,
        coalesced,
    } = driven.stats;
    Ok(Report {
        reading,
        requests: total,
        upstream_calls: driven.upstream_calls,
        ceiling_hits: best.hits,
        keys: best.keys,
        price: settings.price,
        ledger_saved: saved,
        ttl: settings.ttl,
        rules: settings.rules.clone(),
        max_bytes: settings.max_bytes,
        peak_bytes,
        entries,
        evicted,
        not_stored,
        latency: settings.latency,
        logged_latency: settings.logged_latency,
        coalesced,
        layers: driven.layers,
        span,
        timeline: tally.timeline,
        routes: tally.routes.top(TOP_ROUTES),
        stampede,
        fleet: fleet.map(FleetRun::finish).transpose()?,
        prefetch: prefetch.map(PrefetchRun::finish).transpose()?,
        curve: tally.curve.finish(),
        suggestions: trials.finish()?,
        elapsed: Duration::ZERO,
    })
}

/// Makes one request after the other: the upstream responds at once.
async fn in_turn(
    sorted: &mut Sorted,
    settings: &Settings,
    bench: &mut Bench,
    progress: &mut dyn Progress,
) -> Result<Driven> {
    let (total, first) = (sorted.count, sorted.span.unwrap_or_default().0);
    let upstream = Upstream::new(settings.price, settings.upstream_latency());
    let mut stack = Stack::new(settings, upstream.clone(), &anchored(first))?;
    let start = Instant::now();
    let mut now = first;
    let mut done = 0u64;
    while let Some(entry) = sorted.next()? {
        told(progress, done, total);
        if entry.time > now {
            // One step is faster, and enough if nothing happens in between.
            if settings.stampede.is_some() {
                sleep_until(start + micros(entry.time.abs_diff(first))).await;
            } else {
                tokio::time::advance(micros(entry.time.abs_diff(now))).await;
            }
            now = entry.time;
        }
        bench.beside(&entry, settings)?;
        let before = upstream.calls();
        let verdict = stack.call(request(&entry, &settings.host)?).await;
        let calls = upstream.calls() - before;
        bench.tally.note(&entry, &verdict, calls)?;
        done += 1;
    }
    Ok(Driven {
        upstream_calls: upstream.calls(),
        stats: stack.stats(),
        layers: None,
    })
}

/// Makes requests that overlap: the upstream takes time.
async fn overlapping(
    sorted: &mut Sorted,
    settings: &Settings,
    bench: &mut Bench,
    progress: &mut dyn Progress,
) -> Result<Driven> {
    let (total, first) = (sorted.count, sorted.span.unwrap_or_default().0);
    let upstream = Upstream::new(settings.price, settings.upstream_latency());
    let mut stack = Stack::new(settings, upstream.clone(), &anchored(first))?;
    let mut crowd = Crowd::new(first);
    let mut done = 0u64;
    while let Some(entry) = sorted.next()? {
        told(progress, done, total);
        crowd.until(entry.time, &mut bench.tally).await?;
        bench.beside(&entry, settings)?;
        let meter = Meter::default();
        let mut asked = request(&entry, &settings.host)?;
        asked.extensions_mut().insert(meter.clone());
        crowd.begin(entry, meter, stack.begin(asked));
        done += 1;
    }
    crowd.finish(&mut bench.tally).await?;
    Ok(Driven {
        upstream_calls: upstream.calls(),
        stats: stack.stats(),
        layers: None,
    })
}
