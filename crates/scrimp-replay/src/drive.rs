//! The state that all ways of driving a log share.

use scrimp_core::Money;

use crate::{
    ceiling::{Ceiling, Hashes},
    error::Result,
    fleet::FleetRun,
    intake::Content,
    layers::Layers,
    line::Entry,
    prefetch::PrefetchRun,
    progress::Progress,
    routes::Routes,
    settings::Settings,
    simulated::{anchored, request},
    sizes::{self, Simulation},
    stack::{Stats, Verdict},
    stampede::Comparison,
    suggest::Trials,
    timeline::Timeline,
};

/// Requests between two progress reports.
const STRIDE: u64 = 1024;

/// Reports the progress at intervals.
pub(crate) fn told(progress: &mut dyn Progress, done: u64, total: u64) {
    if done.is_multiple_of(STRIDE) {
        progress.replaying(done, total);
    }
}

/// State that all ways of driving a log share.
pub(crate) struct Bench {
    pub(crate) tally: Tally,
    pub(crate) comparison: Option<Comparison>,
    pub(crate) trials: Trials,
    pub(crate) fleet: Option<FleetRun>,
    pub(crate) prefetch: Option<PrefetchRun>,
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
    pub(crate) curve: Simulation,
    price: Money,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new(
        settings: &Settings,
        content: Content,
        requests: u64,
        span: (i64, i64),
    ) -> Result<Self> {
        let comparison = settings
            .stampede
            .map(|takes| Comparison::new(settings, takes, &anchored(span.0)));
        let fleet = settings
            .fleet
            .map(|fleet| FleetRun::start(settings, fleet, span.0));
        let prefetch = settings.prefetch.as_ref();
        let prefetch = prefetch.map(|prefetch| PrefetchRun::start(settings, prefetch, span));
        Ok(Self {
            fleet: fleet.transpose()?,
            prefetch: prefetch.transpose()?,
            tally: Tally {
                timeline: Timeline::new(span.0, span.1, settings.price.currency()),
                routes: Routes::default(),
                ceiling: Ceiling::new(),
                curve: Simulation::new(&content.footprint, requests),
                price: settings.price,
            },
            comparison: comparison.transpose()?,
            trials: Trials::new(settings, content.params, span.0)?,
        })
    }

    /// Makes the same request on the stacks of the comparison, of the fleet and of the prefetches, if there are any, and on
    /// those of the suggestions.
    pub(crate) fn beside(&mut self, entry: &Entry, settings: &Settings) -> Result<()> {
        if let Some(comparison) = &mut self.comparison {
            comparison.call(request(entry, &settings.host)?);
        }
        self.trials.call(entry);
        if let Some(fleet) = &mut self.fleet {
            fleet.call(entry);
        }
        if let Some(prefetch) = &mut self.prefetch {
            prefetch.call(entry);
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
        let fixed = verdict.key.as_ref().map(sizes::key_hash);
        self.curve.request(entry, verdict, fixed, calls);
        if let (Some(key), Some(fixed)) = (&verdict.key, fixed) {
            let hashes = Hashes(key.as_ref().hash_value(), fixed);
            self.ceiling.request(hashes, verdict.storable)?;
        }
        self.timeline.count(entry.time, calls, self.price);
        self.routes.count(&entry.method, &entry.target, calls);
        Ok(())
    }
}
