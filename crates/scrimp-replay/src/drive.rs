//! The state that all ways of driving a log share.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderValue, Request, header::USER_AGENT};
use scrimp_core::{Clock, Money};

use crate::{
    ceiling::Ceiling,
    error::{Error, Result},
    layers::Layers,
    line::Entry,
    progress::Progress,
    routes::Routes,
    settings::Settings,
    stack::{Stats, Verdict},
    stampede::Comparison,
    suggest::{Params, Trials},
    timeline::Timeline,
    upstream::Logged,
};

/// Requests between two progress reports.
const STRIDE: u64 = 1024;

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

pub(crate) fn micros(number: u64) -> Duration {
    Duration::from_micros(number)
}

/// State that all ways of driving a log share.
pub(crate) struct Bench {
    pub(crate) tally: Tally,
    pub(crate) comparison: Option<Comparison>,
    pub(crate) trials: Trials,
}

/// Result of driving a log.
pub(crate) struct Driven {
    pub(crate) upstream_calls: u64,
    pub(crate) stats: Stats,
    pub(crate) layers: Option<Layers>,
}

/// Counts of the requests.
pub(crate) struct Tally {
    pub(crate) timeline: Timeline,
    pub(crate) routes: Routes,
    pub(crate) ceiling: Ceiling,
    price: Money,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new(settings: &Settings, params: &Params, span: (i64, i64)) -> Result<Self> {
        let comparison = settings
            .stampede
            .map(|takes| Comparison::new(settings, takes, &anchored(span.0)));
        Ok(Self {
            tally: Tally {
                timeline: Timeline::new(span.0, span.1, settings.price.currency()),
                routes: Routes::default(),
                ceiling: Ceiling::new(),
                price: settings.price,
            },
            comparison: comparison.transpose()?,
            trials: Trials::new(settings, params, &anchored(span.0))?,
        })
    }

    /// Makes the same request on the stacks of the comparison, if there is one, and on those of the
    /// suggestions.
    pub(crate) async fn beside(&mut self, entry: &Entry, settings: &Settings) -> Result<()> {
        if let Some(comparison) = &mut self.comparison {
            comparison.call(request(entry, &settings.host)?);
        }
        if self.trials.go_on() {
            self.trials.call(request(entry, &settings.host)?).await;
        }
        Ok(())
    }
}

// === impl Tally ===

impl Tally {
    /// Records a call for a request at the price that was paid, even if the request was recorded
    /// earlier.
    pub(crate) fn called(&mut self, entry: &Entry, price: Money) {
        self.timeline.called(entry.time, price);
        self.routes.called(&entry.method, &entry.target);
    }

    /// Records the verdict on a request, and the number of its calls.
    pub(crate) fn note(&mut self, entry: &Entry, verdict: &Verdict, calls: u64) -> Result<()> {
        if let Some(key) = &verdict.key {
            self.ceiling.request(key, verdict.storable)?;
        }
        self.timeline.count(entry.time, calls, self.price);
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
            latency: entry.latency,
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
