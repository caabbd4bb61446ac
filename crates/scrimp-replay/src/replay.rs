//! Drives a log through the cache in virtual time.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Request, header::USER_AGENT};
use http_body_util::Empty;
use scrimp_core::Clock;
use tokio::time::{Instant, sleep_until};

use crate::{
    ceiling::Ceiling,
    error::{Error, Result},
    input::Input,
    intake,
    line::Entry,
    overlap::Crowd,
    progress::Progress,
    report::{Reading, Report},
    routes::Routes,
    settings::Settings,
    sort::Sorted,
    stack::{Stack, Verdict},
    stampede::Comparison,
    stopwatch::Stopwatch,
    timeline::Timeline,
    upstream::{Logged, Meter, Upstream},
};

/// Requests between two looks at the progress.
const STRIDE: u64 = 1024;

/// Routes that a report shows.
const TOP_ROUTES: usize = 20;

/// Replays logs through the cache, and says what it would have saved.
///
/// All inputs are read first and sorted by time; then each request is made at its time, by
/// a clock that does not wait.
///
/// # Errors
///
/// If an input cannot be read, if there is nothing to replay in them, or if a log that is
/// sorted on disk does not find room there.
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
    let total = sorted.count;
    let span = sorted.span.unwrap_or_default();
    let clock = Clock::anchored(UNIX_EPOCH + Duration::from_micros(span.0.unsigned_abs()));
    let upstream = Upstream::new(settings.price, settings.latency);
    let comparison = settings
        .stampede
        .map(|takes| Comparison::new(settings, takes, &clock));
    let mut comparison = comparison.transpose()?;
    let mut stack = Stack::new(settings, upstream.clone(), clock)?;
    let mut tally = Tally {
        timeline: Timeline::new(span.0, span.1),
        routes: Routes::default(),
        ceiling: Ceiling::new(),
    };
    let mut done = 0u64;
    let mut told = |done: u64| {
        if done.is_multiple_of(STRIDE) {
            progress.replaying(done, total);
        }
    };
    let mut beside = |entry: &Entry| -> Result<()> {
        if let Some(comparison) = &mut comparison {
            comparison.call(request(entry, &settings.host)?);
        }
        Ok(())
    };
    if settings.overlaps() {
        let mut crowd = Crowd::new(span.0);
        while let Some(entry) = sorted.next()? {
            told(done);
            crowd.until(entry.time, &mut tally).await?;
            beside(&entry)?;
            let meter = Meter::default();
            let mut asked = request(&entry, &settings.host)?;
            asked.extensions_mut().insert(meter.clone());
            crowd.begin(entry, meter, stack.begin(asked));
            done += 1;
        }
        crowd.finish(&mut tally).await?;
    } else {
        let start = Instant::now();
        let mut now = span.0;
        while let Some(entry) = sorted.next()? {
            told(done);
            if entry.time > now {
                // One step is faster, and enough where nothing happens in between.
                if settings.stampede.is_some() {
                    sleep_until(start + micros(entry.time.abs_diff(span.0))).await;
                } else {
                    tokio::time::advance(micros(entry.time.abs_diff(now))).await;
                }
                now = entry.time;
            }
            beside(&entry)?;
            let before = upstream.calls();
            let verdict = stack.call(request(&entry, &settings.host)?).await;
            tally.note(&entry, &verdict, upstream.calls() - before)?;
            done += 1;
        }
    }
    let Tally {
        timeline,
        routes,
        ceiling,
    } = tally;
    progress.replaying(total, total);
    let stampede = match comparison {
        Some(comparison) => Some(comparison.finish().await),
        None => None,
    };
    let (best, cache) = (ceiling.finish()?, stack.stats());
    Ok(Report {
        reading,
        requests: total,
        upstream_calls: upstream.calls(),
        ceiling_hits: best.hits,
        keys: best.keys,
        price: settings.price,
        ledger_saved: cache.saved,
        ttl: settings.ttl,
        rules: settings.rules.clone(),
        max_bytes: settings.max_bytes,
        peak_bytes: cache.peak_bytes,
        entries: cache.entries,
        evicted: cache.evicted,
        latency: settings.latency,
        coalesced: cache.coalesced,
        span,
        timeline,
        routes: routes.top(TOP_ROUTES),
        stampede,
        elapsed: Duration::ZERO,
    })
}

fn micros(number: u64) -> Duration {
    Duration::from_micros(number)
}

/// What is counted of each request.
pub(crate) struct Tally {
    timeline: Timeline,
    routes: Routes,
    ceiling: Ceiling,
}

// === impl Tally ===

impl Tally {
    /// Notes what a request came to, and how many calls were made for it.
    pub(crate) fn note(&mut self, entry: &Entry, verdict: &Verdict, calls: u64) -> Result<()> {
        if let Some(key) = &verdict.key {
            self.ceiling.request(key, verdict.storable)?;
        }
        self.timeline.count(entry.time, calls);
        self.routes.count(&entry.method, &entry.target, calls);
        Ok(())
    }
}

fn request(entry: &Entry, default_host: &str) -> Result<Request<Empty<Bytes>>> {
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
    // Rules may look at it. One that cannot be sent was not sent either.
    if let Ok(agent) = HeaderValue::from_str(&entry.user_agent)
        && !agent.is_empty()
    {
        request = request.header(USER_AGENT, agent);
    }
    // Methods and targets were checked when the line was read.
    let request = request.body(Empty::new());
    request.map_err(|error| Error::new(format!("cannot request {}: {error}", entry.target)))
}
