//! Drives a log through the cache in virtual time.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Request, header::USER_AGENT};
use http_body_util::Empty;
use scrimp_core::Clock;

use crate::{
    ceiling::Ceiling,
    error::{Error, Result},
    input::Input,
    intake,
    line::Entry,
    progress::Progress,
    report::{Reading, Report},
    routes::Routes,
    settings::Settings,
    sort::Sorted,
    stack::Stack,
    stampede::Comparison,
    stopwatch::Stopwatch,
    timeline::Timeline,
    upstream::{Logged, Upstream},
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
    let upstream = Upstream::new(settings.price);
    let comparison = settings
        .stampede
        .map(|takes| Comparison::new(settings, takes, &clock));
    let mut comparison = comparison.transpose()?;
    let mut stack = Stack::new(settings, upstream.clone(), clock)?;
    let mut timeline = Timeline::new(span.0, span.1);
    let (mut routes, mut ceiling) = (Routes::default(), Ceiling::new());
    let (mut now, mut done) = (span.0, 0u64);

    while let Some(entry) = sorted.next()? {
        if done.is_multiple_of(STRIDE) {
            progress.replaying(done, total);
        }
        if entry.time > now {
            match &comparison {
                Some(comparison) => comparison.reach(micros(entry.time.abs_diff(span.0))).await,
                None => tokio::time::advance(micros(entry.time.abs_diff(now))).await,
            }
            now = entry.time;
        }
        if let Some(comparison) = &mut comparison {
            comparison.call(request(&entry, &settings.host)?);
        }
        let before = upstream.calls();
        let verdict = stack.call(request(&entry, &settings.host)?).await;
        let calls = upstream.calls() - before;
        if let Some(key) = verdict.key {
            ceiling.request(&key, verdict.storable)?;
        }
        timeline.count(entry.time, calls);
        routes.count(&entry.method, &entry.target, calls);
        done += 1;
    }
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
