//! Each layer's share of the savings, as data.

use std::time::Duration;

use scrimp_core::{Money, Totals};
use scrimp_demo::support::format::{count, counted, money};
use serde::Serialize;

use crate::units::{seconds, units};

/// Each layer's share of the savings, and its details.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Layers {
    /// Shares in the order of the layers, the outermost first. Their calls add up to the requests
    /// that did not become upstream calls, their money to the total savings.
    pub shares: Vec<Share>,
    /// Money spent.
    #[serde(skip)]
    pub spent: Money,
    /// Batches, if batching is on.
    pub batch: Option<Batched>,
    /// Providers and their calls.
    pub providers: Vec<Used>,
}

/// One layer's share.
///
/// A layer is credited with the calls that it received and did not pass on, at the price of the
/// upstream. Stampede protection is credited with requests that waited for another request's fill
/// and then needed no call, and debited with its early refreshes; the cache is not affected by
/// either. Routing avoids no call: it is credited with the additional cost of its calls at the
/// price of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Share {
    /// `stampede`, `cache`, `coalesce`, `batch` or `route`.
    pub layer: &'static str,
    /// Calls that it avoided; below zero if it added some.
    pub calls: i64,
    /// Money that it saved; below zero if it added cost.
    #[serde(serialize_with = "units")]
    pub saved: Money,
}

/// Results of batching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Batched {
    /// Time that the first request of a batch waited for others.
    #[serde(rename = "window_seconds", serialize_with = "seconds")]
    pub window: Duration,
    /// Highest number of requests in a batch.
    pub most: usize,
    /// Calls made for several requests.
    pub batches: u64,
    /// Requests in those calls.
    pub items: u64,
    /// Requests that were sent alone.
    pub alone: u64,
}

/// A provider that was used or available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Used {
    /// Name; `upstream` for the one in the log.
    pub name: String,
    /// Calls that it received.
    pub calls: u64,
    /// Cost of those calls.
    #[serde(serialize_with = "units")]
    pub spent: Money,
}

// === impl Layers ===

impl Layers {
    /// Returns one layer's share, if the layer is present.
    #[must_use]
    pub fn share(&self, layer: &str) -> Option<&Share> {
        self.shares.iter().find(|share| share.layer == layer)
    }

    /// Returns the rows of all layers and their total, as text.
    pub(crate) fn rows(&self) -> Vec<[String; 4]> {
        let row = |name: &str, calls: String, saved: Money| {
            [name.to_owned(), calls, money(saved), String::new()]
        };
        let shares = self.shares.iter().map(|share| {
            let calls = match share.layer {
                "route" => "–".to_owned(),
                _ => signed_count(share.calls),
            };
            row(share.title(), calls, share.saved)
        });
        let calls = self.shares.iter().map(|share| share.calls).sum();
        let saved = self
            .shares
            .iter()
            .map(|share| share.saved)
            .collect::<Totals>();
        let saved = saved.get(self.spent.currency());
        let all = row("total", signed_count(calls), saved);
        shares.chain([all]).collect()
    }

    /// Returns the details, as text.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let batch = self.batch.map(|batch| {
            let fact = format!(
                "{} for {}, {} alone; within {}, at most {}",
                counted_es(batch.batches),
                counted(batch.items, "request"),
                count(batch.alone),
                humantime::format_duration(batch.window),
                count(batch.most as u64),
            );
            ("batches", fact)
        });
        let used = self.providers.iter().map(|used| {
            format!(
                "{} {} for {}",
                used.name,
                counted(used.calls, "call"),
                money(used.spent)
            )
        });
        let mut used = used.collect::<Vec<_>>().join(", ");
        if self.providers.len() == 1 {
            used.push_str("; no other provider (--provider)");
        }
        let providers = ("providers", used);
        batch.into_iter().chain([providers]).collect()
    }
}

fn signed_count(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", count(number.unsigned_abs()))
}

fn counted_es(batches: u64) -> String {
    let plural = if batches == 1 { "" } else { "es" };
    format!("{} batch{plural}", count(batches))
}

// === impl Share ===

impl Share {
    /// Returns a short title of the layer.
    pub(crate) fn title(&self) -> &'static str {
        match self.layer {
            "stampede" => "stampede protection",
            "cache" => "cache",
            "coalesce" => "shared calls",
            "batch" => "batches",
            _ => "routing",
        }
    }
}
