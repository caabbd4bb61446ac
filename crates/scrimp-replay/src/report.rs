//! Result of a replay.

use std::time::Duration;

use scrimp_cache::NotStored;
use scrimp_core::{Money, Totals};
use serde::Serialize;

pub(crate) use crate::units::ratio;
use crate::{
    ahead::PrefetchReport,
    curve::Curve,
    layers::Layers,
    nodes::FleetReport,
    routes::Route,
    stampede::StampedeReport,
    suggestion::Suggestion,
    timeline::{Slice, Timeline},
    ttl::Ttl,
};

/// Result of a replay.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// Facts about reading.
    pub reading: Reading,
    /// Requests replayed.
    pub requests: u64,
    /// Requests that reached the upstream through the cache. Without it, all do.
    pub upstream_calls: u64,
    /// Requests that a cache of any size in which nothing expires would have answered.
    pub ceiling_hits: u64,
    /// Different keys among the requests that a cache may answer.
    pub keys: u64,
    /// Price of a call.
    pub price: Money,
    /// Savings in the layers' own ledger, at the cost of responses at their provider.
    pub ledger_saved: Totals,
    /// Freshness lifetime of responses without a rule.
    pub ttl: Ttl,
    /// The rules, as given.
    pub rules: Vec<String>,
    /// The limit of the cache's memory in bytes.
    pub max_bytes: u64,
    /// Highest memory use of the cache, in bytes.
    pub peak_bytes: u64,
    /// Stored responses at the end.
    pub entries: u64,
    /// Stored responses that were evicted.
    pub evicted: u64,
    /// Responses that the cache did not store, by reason.
    pub not_stored: NotStored,
    /// Time that the upstream took for a response; with [`logged_latency`](Self::logged_latency),
    /// where the log states none.
    pub latency: Duration,
    /// The upstream took the time in the log.
    pub logged_latency: bool,
    /// Results of sharing calls, if they were shared.
    pub coalesced: Option<Coalesced>,
    /// Each layer's share, if there were more layers than the cache and shared calls.
    pub layers: Option<Layers>,
    /// Times of the first and the last request, in microseconds since 1970-01-01 UTC.
    pub span: (i64, i64),
    /// Requests and calls over time.
    pub timeline: Timeline,
    /// The routes with the highest savings, the highest first.
    pub routes: Vec<Route>,
    /// Results of the comparison of waiting, if requested.
    pub stampede: Option<StampedeReport>,
    /// Results of a fleet, if requested.
    pub fleet: Option<FleetReport>,
    /// Results of prefetching, if requested.
    pub prefetch: Option<PrefetchReport>,
    /// Hit rate by memory; `None` if no stored response could have answered a request.
    pub curve: Option<Curve>,
    /// Settings that would raise the hit rate, the best first.
    pub suggestions: Vec<Suggestion>,
    /// Time for reading and replaying.
    pub elapsed: Duration,
}

/// Results of sharing calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Coalesced {
    /// Requests that joined a call in flight.
    pub joined: u64,
    /// Requests that reused a finished response, within the window.
    pub reused: u64,
}

/// Facts about reading the logs.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Reading {
    /// The names of the inputs.
    pub inputs: Vec<String>,
    /// Lines that are not blank.
    pub lines: u64,
    /// Lines that could not be read.
    pub bad_lines: u64,
    /// The first of those lines.
    pub bad_line_examples: Vec<BadLine>,
    /// Lines of other events than requests, as applications log them.
    pub other_lines: u64,
    /// Requests whose latency the log states.
    pub timed: u64,
    /// Requests left out by method or status.
    pub left_out: u64,
    /// Damage to whole files, and facts that no line states.
    pub warnings: Vec<String>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BadLine {
    /// Its input.
    pub input: String,
    /// Its number, from one.
    pub line: u64,
    /// Reason why it is unusable.
    pub reason: String,
}

// === impl Report ===

impl Report {
    /// Returns the reasons for which responses were not stored, with their counts.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        self.not_stored.iter().filter(|(_, count)| *count > 0)
    }

    /// Returns the number of requests that did not reach the upstream.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.requests.saturating_sub(self.upstream_calls)
    }

    /// Returns the share of requests that did not reach the upstream, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        ratio(self.hits(), self.requests)
    }

    /// Returns the highest hit rate that the trace allows, from 0 to 1.
    #[must_use]
    pub fn ceiling(&self) -> f64 {
        ratio(self.ceiling_hits, self.requests)
    }

    /// Returns the cost of the requests without the cache.
    #[must_use]
    pub fn cost_without(&self) -> Money {
        self.price * self.requests
    }

    /// Returns their cost with the cache and the other layers.
    #[must_use]
    pub fn cost_with(&self) -> Money {
        let layers = self.layers.as_ref();
        layers.map_or(self.price * self.upstream_calls, |layers| layers.spent)
    }

    /// Returns the difference.
    #[must_use]
    pub fn saved(&self) -> Money {
        let saved = self.cost_without().checked_sub(self.cost_with());
        saved.expect("a replay uses the currency of its price only")
    }

    /// Returns the requests that the cache answered. The ceiling is the upper bound of this number.
    #[must_use]
    pub fn cache_hits(&self) -> u64 {
        let share = self
            .layers
            .as_ref()
            .and_then(|layers| layers.share("cache"));
        share.map_or(self.hits(), |share| u64::try_from(share.calls).unwrap_or(0))
    }
}

// === impl Reading ===

impl Reading {
    /// Returns the names of the inputs, as text.
    pub(crate) fn names(&self) -> String {
        match self.inputs.as_slice() {
            [first, second, _, rest @ ..] if !rest.is_empty() => {
                format!("{first}, {second} and {} more", rest.len() + 1)
            }
            few => few.join(", "),
        }
    }
}

// === impl Slice ===

impl Slice {
    /// Returns the share of the slice's requests that did not reach the upstream, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        ratio(
            self.requests.saturating_sub(self.upstream_calls),
            self.requests,
        )
    }
}
