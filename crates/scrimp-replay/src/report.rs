//! What came of a replay.

use std::time::Duration;

use scrimp_core::{Money, Totals};

use crate::{
    full::Layers,
    routes::Route,
    stampede::StampedeReport,
    timeline::{Slice, Timeline},
    ttl::Ttl,
};

/// What came of a replay.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// What was read.
    pub reading: Reading,
    /// Requests replayed.
    pub requests: u64,
    /// Those that reached the upstream through the cache. Without it, all of them do.
    pub upstream_calls: u64,
    /// Requests that a cache of any size in which nothing expires would have answered.
    pub ceiling_hits: u64,
    /// Different keys among the requests a cache may answer.
    pub keys: u64,
    /// What a call costs.
    pub price: Money,
    /// What the layers' own ledger says was saved, at what answers cost where they came from.
    pub ledger_saved: Totals,
    /// How long answers were fresh where no rule said otherwise.
    pub ttl: Ttl,
    /// The rules, as they were given.
    pub rules: Vec<String>,
    /// The limit of the cache's memory in bytes.
    pub max_bytes: u64,
    /// The most the cache held, in bytes.
    pub peak_bytes: u64,
    /// Answers the cache held at the end.
    pub entries: u64,
    /// Answers removed to make room.
    pub evicted: u64,
    /// How long the upstream took for an answer.
    pub latency: Duration,
    /// What sharing calls did, if they were shared.
    pub coalesced: Option<Coalesced>,
    /// Each layer's share, if more than the cache and the sharing of calls was asked for.
    pub layers: Option<Layers>,
    /// Time of the first and the last request, in microseconds since 1970-01-01 UTC.
    pub span: (i64, i64),
    /// Requests and calls over time.
    pub timeline: Timeline,
    /// The routes that save the most, the most first.
    pub routes: Vec<Route>,
    /// What waiting comes to, if that was asked for.
    pub stampede: Option<StampedeReport>,
    /// How long it took, reading included.
    pub elapsed: Duration,
}

/// What sharing calls did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Coalesced {
    /// Requests that joined a call under way.
    pub joined: u64,
    /// Requests that were given a finished answer again, within the window.
    pub reused: u64,
}

/// What was read of the logs.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Reading {
    /// The names of the inputs.
    pub inputs: Vec<String>,
    /// Lines that were not blank.
    pub lines: u64,
    /// Lines that could not be read.
    pub bad_lines: u64,
    /// The first of them.
    pub bad_line_examples: Vec<BadLine>,
    /// Requests left out by method or status.
    pub left_out: u64,
    /// Damage to whole files.
    pub warnings: Vec<String>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadLine {
    /// The input it stands in.
    pub input: String,
    /// Its number, from one.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

// === impl Report ===

impl Report {
    /// Requests that did not reach the upstream.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.requests.saturating_sub(self.upstream_calls)
    }

    /// Share of requests that did not reach the upstream, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        ratio(self.hits(), self.requests)
    }

    /// The best hit rate the trace allows, from 0 to 1.
    #[must_use]
    pub fn ceiling(&self) -> f64 {
        ratio(self.ceiling_hits, self.requests)
    }

    /// What the requests cost without the cache.
    #[must_use]
    pub fn cost_without(&self) -> Money {
        self.price * self.requests
    }

    /// What they cost with it, and with whatever other layers there were.
    #[must_use]
    pub fn cost_with(&self) -> Money {
        let layers = self.layers.as_ref();
        layers.map_or(self.price * self.upstream_calls, |layers| layers.spent)
    }

    /// The difference.
    #[must_use]
    pub fn saved(&self) -> Money {
        let saved = self.cost_without().checked_sub(self.cost_with());
        saved.expect("a replay is in one currency, that of its price")
    }

    /// Requests that the cache answered: of those, the ceiling is the most there could be.
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
    /// The inputs, in words.
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
    /// Share of the slice's requests that did not reach the upstream, from 0 to 1.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        ratio(
            self.requests.saturating_sub(self.upstream_calls),
            self.requests,
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
