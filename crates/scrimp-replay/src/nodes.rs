//! A fleet of nodes, and what a tier that they share adds to the memory of each: settings and results.

use std::time::Duration;

use clap::ValueEnum;
use scrimp_core::Money;
use scrimp_demo::support::format::{bytes, count, counted, elapsed, money, percent};
use serde::Serialize;

use crate::{
    ttl::Ttl,
    units::{ratio, seconds, units},
};

/// Choice of the node that receives a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Spread {
    /// One node after the other, as load balancers do by default
    #[default]
    RoundRobin,
    /// By a hash of the client's address; requests without one go to one node after the other
    Client,
}

/// A fleet of nodes, and the tier that they may share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FleetSettings {
    pub(crate) nodes: usize,
    pub(crate) spread: Spread,
    /// Bytes of the shared tier, if there is one.
    pub(crate) shared_bytes: Option<u64>,
    /// Time of a look-up in it.
    pub(crate) shared_latency: Duration,
}

/// Results of a fleet, without and with a tier that its nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FleetReport {
    /// Number of nodes.
    pub nodes: usize,
    /// Choice of the node for each request.
    pub spread: Spread,
    /// Requests whose client the log states.
    pub clients_known: u64,
    /// Memory of each node in bytes.
    pub node_bytes: u64,
    /// Nodes with their own memory alone.
    pub without: FleetSide,
    /// Nodes that share a tier, too.
    pub with: Option<SharedTierReport>,
    /// Requests.
    #[serde(skip)]
    pub requests: u64,
}

/// Requests of a fleet by the source of their response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FleetSide {
    /// Calls that reached the upstream.
    pub upstream_calls: u64,
    /// Requests that a node answered from its own memory.
    pub node_hits: u64,
    /// Requests that the shared tier answered.
    pub shared_hits: u64,
    /// Requests that shared the call of another one at their node, if calls are shared.
    pub shared_calls: u64,
    /// Money saved.
    #[serde(serialize_with = "units")]
    pub saved: Money,
}

/// Results of nodes that share a tier, and the costs of the tier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SharedTierReport {
    /// Requests by the source of their response.
    #[serde(flatten)]
    pub side: FleetSide,
    /// Memory of the tier in bytes.
    pub max_bytes: u64,
    /// Highest use of that memory.
    pub peak_bytes: u64,
    /// Responses that it evicted.
    pub evicted: u64,
    /// Look-ups in it.
    pub reads: u64,
    /// Responses written to it.
    pub writes: u64,
    /// Time of a look-up.
    #[serde(rename = "latency_seconds", serialize_with = "seconds")]
    pub latency: Duration,
    /// Time that requests waited for its look-ups, together.
    #[serde(rename = "waited_seconds", serialize_with = "seconds")]
    pub waited: Duration,
    /// Money that it saved, in addition to the nodes' own memory; below zero if it cost some.
    #[serde(rename = "added", serialize_with = "units")]
    pub added: Money,
}

// === impl FleetSettings ===

impl FleetSettings {
    /// Returns a fleet without a shared tier.
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            nodes,
            spread: Spread::default(),
            shared_bytes: None,
            shared_latency: Duration::from_millis(1),
        }
    }
}

// === impl FleetReport ===

impl FleetReport {
    /// Returns the title of the fleet, as text.
    pub(crate) fn title(&self) -> String {
        let spread = match self.spread {
            Spread::RoundRobin => "in turn",
            Spread::Client => "by client",
        };
        let plural = if self.nodes == 1 { "" } else { "s" };
        let each = bytes(self.node_bytes);
        format!("{} node{plural} of {each}, {spread}", self.nodes)
    }

    /// Returns the title of the side with a shared tier, as text.
    pub(crate) fn shared_title(&self) -> Option<String> {
        let with = self.with.as_ref()?;
        Some(format!("with {} shared", bytes(with.max_bytes)))
    }

    /// Returns the measurements, without and with a shared tier, as text.
    pub(crate) fn rows(&self) -> Vec<[String; 3]> {
        let row = |name: &str, of: &dyn Fn(&FleetSide) -> String| {
            let with = self.with.as_ref().map(|with| of(&with.side));
            [name.to_owned(), of(&self.without), with.unwrap_or_default()]
        };
        let rate = |part: u64| percent(ratio(part, self.requests));
        let mut rows = vec![
            row("upstream calls", &|side| count(side.upstream_calls)),
            row("answered by a node's memory", &|side| rate(side.node_hits)),
        ];
        if self.with.is_some() {
            rows.push(row(
                "answered by the shared tier",
                &|side| match side.shared_hits {
                    0 => "–".to_owned(),
                    hits => rate(hits),
                },
            ));
        }
        let sides = [Some(self.without), self.with.map(|with| with.side)];
        if sides.iter().flatten().any(|side| side.shared_calls > 0) {
            rows.push(row("answered by another's call", &|side| {
                rate(side.shared_calls)
            }));
        }
        rows.push(row("saved", &|side| money(side.saved)));
        rows
    }

    /// Returns the costs and the gain of the shared tier, as sentences.
    pub(crate) fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        if let Some(with) = &self.with {
            let average = with
                .waited
                .checked_div(u32::try_from(self.requests).unwrap_or(u32::MAX));
            facts.push(format!(
                "The shared tier saves {} in addition, and costs {} of waiting: {} look-ups of {}, {} per request.",
                money(with.added),
                elapsed(with.waited),
                count(with.reads),
                Ttl::After(with.latency),
                millis(average.unwrap_or_default()),
            ));
            facts.push(format!(
                "{} were written to it, {} evicted; at most {} of it were used.",
                counted(with.writes, "response"),
                count(with.evicted),
                bytes(with.peak_bytes),
            ));
        }
        if self.spread == Spread::Client && self.clients_known < self.requests {
            facts.push(format!(
                "The log states no client for {} of the requests: these go to one node after the other.",
                count(self.requests - self.clients_known),
            ));
        }
        facts
    }
}

/// Writes a short time: `0.34 ms`.
fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
