//! Prefetches beside a replay: settings and results.

use std::time::Duration;

use scrimp_core::Money;
use scrimp_demo::support::format::{count, elapsed, money};
use serde::Serialize;

use crate::{
    ttl::Ttl,
    units::{optional_units, seconds, units},
};

/// Values of waiting if none is given, as multiples of the price of a call, for a second.
const USUAL: [u64; 3] = [1, 5, 25];

/// Settings of the prefetches.
#[derive(Debug, Clone)]
pub(crate) struct PrefetchSettings {
    /// Values of a second of waiting. None: multiples of the price.
    pub(crate) values: Vec<Money>,
    pub(crate) lead: Duration,
    pub(crate) per_hour: Option<Money>,
    pub(crate) min_confidence: f64,
}

/// Results of prefetching, beside the same cache without it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PrefetchReport {
    /// Requests whose client the log states. The others are of no session, and teach nothing.
    pub clients_known: u64,
    /// Mean time of a call. A call that is spared is worth this time, multiplied by the value of a second.
    #[serde(rename = "latency_seconds", serialize_with = "seconds")]
    pub latency: Duration,
    /// Time between a prefetch and the request that it is for.
    #[serde(rename = "lead_seconds", serialize_with = "seconds")]
    pub lead: Duration,
    /// Least calibrated probability of a prefetch.
    pub min_confidence: f64,
    /// Highest cost of the prefetches of an hour, if it is limited.
    #[serde(serialize_with = "optional_units")]
    pub budget_per_hour: Option<Money>,
    /// The cache alone.
    pub without: Waited,
    /// The cache with prefetches in front of it, for each value of waiting.
    pub with: Vec<PrefetchSide>,
}

/// Calls, and the time that requests waited.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Waited {
    /// Calls that reached the upstream.
    pub upstream_calls: u64,
    /// Requests that waited for the upstream.
    pub waits: u64,
    /// Time that they waited, together.
    #[serde(rename = "waited_seconds", serialize_with = "seconds")]
    pub waited: Duration,
    /// The same for each slice of the timeline, in seconds.
    pub timeline: Vec<f64>,
}

/// Results of prefetching at one value of waiting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PrefetchSide {
    /// Value of a second of waiting.
    #[serde(serialize_with = "units")]
    pub value_per_second: Money,
    /// Calls and waiting.
    #[serde(flatten)]
    pub waited: Waited,
    /// Prefetches that called the upstream.
    pub prefetches: u64,
    /// Those whose response was there when a request asked for it.
    pub useful: u64,
    /// Those that were in flight when a request asked for the same.
    pub late: u64,
    /// Those that no request asked for in time.
    pub wasted: u64,
    /// Those that failed, or whose response was not stored.
    pub failed: u64,
    /// Times that prefetching stopped for a while because it did not pay.
    pub shut_offs: u64,
    /// Waiting that prefetches spared, in seconds. Below zero if they added some.
    pub spared_seconds: f64,
    /// Value of that waiting.
    #[serde(serialize_with = "units")]
    pub spared: Money,
    /// Price of the calls that prefetches added.
    #[serde(serialize_with = "units")]
    pub spent: Money,
    /// The difference.
    #[serde(serialize_with = "units")]
    pub net: Money,
}

// === impl PrefetchSettings ===

impl PrefetchSettings {
    pub(crate) fn new() -> Self {
        Self {
            values: Vec::new(),
            lead: Duration::from_secs(5),
            per_hour: None,
            min_confidence: 0.0,
        }
    }

    /// Returns the values of a second of waiting.
    pub(crate) fn values(&self, price: Money) -> Vec<Money> {
        match self.values.is_empty() {
            true => USUAL.map(|times| price * times).to_vec(),
            false => self.values.clone(),
        }
    }
}

// === impl PrefetchReport ===

impl PrefetchReport {
    /// Returns the measurements as text: names in the first column, one column for each side.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let head = [
            "prefetches, if waiting is worth".to_owned(),
            "none".to_owned(),
        ];
        let titles = self.with.iter().map(PrefetchSide::title);
        let mut rows = vec![head.into_iter().chain(titles).collect()];
        let none = || "–".to_owned();
        let mut row = |name: &str, without: String, of: &dyn Fn(&PrefetchSide) -> String| {
            let with = self.with.iter().map(of);
            rows.push([name.to_owned(), without].into_iter().chain(with).collect());
        };
        let calls = count(self.without.upstream_calls);
        row("upstream calls", calls, &|side| {
            count(side.waited.upstream_calls)
        });
        row("prefetches", none(), &|side| count(side.prefetches));
        row("useful", none(), &|side| count(side.useful));
        row("late", none(), &|side| count(side.late));
        row("wasted", none(), &|side| count(side.wasted + side.failed));
        let waits = count(self.without.waits);
        row("requests that waited", waits, &|side| {
            count(side.waited.waits)
        });
        let waited = elapsed(self.without.waited);
        row("waiting", waited, &|side| elapsed(side.waited.waited));
        row("value of the waiting spared", none(), &|side| {
            money(side.spared)
        });
        row("price of the calls added", none(), &|side| {
            money(side.spent)
        });
        row("net", none(), &|side| money(side.net));
        rows
    }

    /// Returns what the numbers rest on, as sentences. `requests` is the number of all.
    pub(crate) fn facts(&self, requests: u64) -> Vec<String> {
        let mut facts = vec![format!(
            "A session is an address and a user agent until it is silent for 30 min. A call takes {} on average; \
             prefetches are made {} before their expected time.",
            elapsed(self.latency),
            Ttl::After(self.lead),
        )];
        if self.clients_known < requests {
            facts.push(format!(
                "The log states no client for {} of the requests: these are of no session.",
                count(requests - self.clients_known),
            ));
        }
        let shut: u64 = self.with.iter().map(|side| side.shut_offs).sum();
        if shut > 0 {
            facts.push("Prefetching stopped for a while where it did not pay.".to_owned());
        }
        facts
    }
}

// === impl PrefetchSide ===

impl PrefetchSide {
    /// Returns the value of waiting, as text.
    pub(crate) fn title(&self) -> String {
        format!("{}/s", self.value_per_second)
    }
}
