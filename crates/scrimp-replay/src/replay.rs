//! The replay of a log through the cache in virtual time.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderValue, Request, header::USER_AGENT};
use scrimp_core::Clock;
use tokio::time::{Instant, sleep_until};

use crate::{
    ceiling::Ceiling,
    error::{Error, Result},
    full::{self, Layers},
    input::Input,
    intake,
    line::Entry,
    overlap::Crowd,
    progress::Progress,
    report::{Reading, Report},
    routes::Routes,
    settings::Settings,
    sort::Sorted,
    stack::{Stack, Stats, Verdict},
    stampede::Comparison,
    timeline::Timeline,
    upstream::{Logged, Meter, Upstream},
};
use scrimp_demo::support::stopwatch::Stopwatch;

/// Requests between two progress reports.
const STRIDE: u64 = 1024;

/// Highest number of routes in a report.
const TOP_ROUTES: usize = 20;

/// Replays logs through the cache, and reports what it would have saved.
///
/// All inputs are read first and sorted by time. Then each request is made at its time, in virtual
/// time.
///
/// # Errors
///
/// If an input cannot be read, if the inputs contain nothing to replay, or if there is no disk
/// space for sorting.
pub fn replay(
    inputs: Vec<Input>,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Report> {
    let stopwatch = Stopwatch::start();
    let (reading, sorted) = intake::read(inputs, settings, progress)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| Error::io("cannot start the clock of the replay", error))?;
    let mut report = runtime.block_on(drive(reading, sorted, settings, progress))?;
    report.elapsed = stopwatch.elapsed();
    Ok(report)
}

async fn drive(
    reading: Reading,
    mut sorted: Sorted,
    settings: &Settings,
    progress: &mut dyn Progress,
) -> Result<Report> {
    let (total, span) = (sorted.count, sorted.span.unwrap_or_default());
    let mut bench = Bench::new(settings, span)?;
    let driven = if settings.is_full() {
        full::drive(&mut sorted, settings, &mut bench, progress).await?
    } else if settings.overlaps() {
        overlapping(&mut sorted, settings, &mut bench, progress).await?
    } else {
        in_turn(&mut sorted, settings, &mut bench, progress).await?
    };
    progress.replaying(total, total);
    let Bench { tally, comparison } = bench;
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
        latency: settings.latency,
        coalesced,
        layers: driven.layers,
        span,
        timeline: tally.timeline,
        routes: tally.routes.top(TOP_ROUTES),
        stampede,
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
    let upstream = Upstream::new(settings.price, settings.latency);
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
    let upstream = Upstream::new(settings.price, settings.latency);
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

/// Reports the progress at intervals.
pub(crate) fn told(progress: &mut dyn Progress, done: u64, total: u64) {
    if done.is_multiple_of(STRIDE) {
        progress.replaying(done, total);
    }
}

/// Returns a clock with virtual time, from a time of the log on, in microseconds.
pub(crate) fn anchored(first: i64) -> Clock {
    Clock::anchored(UNIX_EPOCH + micros(first.unsigned_abs()))
}

fn micros(number: u64) -> Duration {
    Duration::from_micros(number)
}

/// State that all ways of driving a log share.
pub(crate) struct Bench {
    pub(crate) tally: Tally,
    comparison: Option<Comparison>,
}

/// Result of driving a log.
pub(crate) struct Driven {
    pub(crate) upstream_calls: u64,
    pub(crate) stats: Stats,
    pub(crate) layers: Option<Layers>,
}

/// Counts of the requests.
pub(crate) struct Tally {
    timeline: Timeline,
    routes: Routes,
    ceiling: Ceiling,
}

// === impl Bench ===

impl Bench {
    fn new(settings: &Settings, span: (i64, i64)) -> Result<Self> {
        let comparison = settings
            .stampede
            .map(|takes| Comparison::new(settings, takes, &anchored(span.0)));
        Ok(Self {
            tally: Tally {
                timeline: Timeline::new(span.0, span.1),
                routes: Routes::default(),
                ceiling: Ceiling::new(),
            },
            comparison: comparison.transpose()?,
        })
    }

    /// Makes the same request on the stacks of the comparison, if there is one.
    pub(crate) fn beside(&mut self, entry: &Entry, settings: &Settings) -> Result<()> {
        if let Some(comparison) = &mut self.comparison {
            comparison.call(request(entry, &settings.host)?);
        }
        Ok(())
    }
}

// === impl Tally ===

impl Tally {
    /// Records a call for a request, even if the request was recorded earlier.
    pub(crate) fn called(&mut self, entry: &Entry) {
        self.timeline.called(entry.time);
        self.routes.called(&entry.method, &entry.target);
    }

    /// Records the verdict on a request, and the number of its calls.
    pub(crate) fn note(&mut self, entry: &Entry, verdict: &Verdict, calls: u64) -> Result<()> {
        if let Some(key) = &verdict.key {
            self.ceiling.request(key, verdict.storable)?;
        }
        self.timeline.count(entry.time, calls);
        self.routes.count(&entry.method, &entry.target, calls);
        Ok(())
    }
}

/// Returns the request for a line of the log, without a body: logs contain none.
pub(crate) fn request<B: Default>(entry: &Entry, default_host: &str) -> Result<Request<B>> {
    let host = if entry.host.is_empty() {
        default_host
    } else {
        &entry.host
    };
    let mut request = Request::builder()
        .method(entry.method.as_str())
        .uri(format!("http://{host}{}", entry.target))
        .extension(Logged {
            status: entry.status,
            bytes: entry.bytes,
        });
    // Rules may read it. An agent that cannot be sent now was not sent then.
    if let Ok(agent) = HeaderValue::from_str(&entry.user_agent)
        && !agent.is_empty()
    {
        request = request.header(USER_AGENT, agent);
    }
    // Methods and targets were checked when the line was read.
    let request = request.body(B::default());
    request.map_err(|error| Error::new(format!("cannot request {}: {error}", entry.target)))
}
