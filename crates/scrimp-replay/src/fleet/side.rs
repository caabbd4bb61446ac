//! The nodes of a fleet over one upstream, without or with a tier that they share.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use scrimp_cache::{Cache, CacheLayer};
use scrimp_coalesce::{Coalesce, CoalesceLayer};
use scrimp_core::{Clock, Ledger};
use scrimp_demo::support::fleet::{Asked, FleetStore};
use tokio::task::JoinSet;
use tower_layer::Layer;
use tower_service::Service;

use super::store::{NodeStore, PATIENCE, SharedTier};
use crate::{
    error::Result,
    line::Entry,
    nodes::{FleetSettings, FleetSide, Spread},
    settings::{Settings, rule},
    simulated::request,
    stack::{coalesce_layer, read},
    upstream::{Meter, Upstream},
};

/// The nodes, and the counts of their requests.
pub(super) struct Side {
    nodes: Vec<Node>,
    next: usize,
    coalesce: Vec<CoalesceLayer>,
    upstream: Upstream,
    answers: JoinSet<Answered>,
    node_hits: u64,
    shared_hits: u64,
    settings: Settings,
    spread: Spread,
    requests: u64,
}

/// One node.
enum Node {
    Cache(Cache<Upstream, FleetStore<NodeStore>>),
    /// The cache over the layer for shared calls.
    Sharing(Cache<Coalesce<Upstream>, FleetStore<NodeStore>>),
}

/// Source of the response to one request.
enum Answered {
    Upstream,
    Shared,
    Node,
}

// === impl Side ===

impl Side {
    pub(super) fn new(
        settings: &Settings,
        fleet: FleetSettings,
        shared: Option<&SharedTier>,
        clock: &Clock,
    ) -> Result<Self> {
        let ledger = Ledger::new();
        let store = NodeStore::of_fleet(fleet.nodes, settings.max_bytes, shared, clock)?;
        let mut layer = CacheLayer::builder(store)
            .ledger(ledger.clone())
            .store_timeout(PATIENCE)
            .clock(clock.clone());
        for text in settings.cache_rules() {
            layer = layer.rule(rule(&text)?);
        }
        let layer = layer.build()?;
        let upstream = Upstream::new(settings.price, settings.upstream_latency());
        let mut coalesce = Vec::new();
        let mut nodes = Vec::new();
        for _ in 0..fleet.nodes {
            nodes.push(match settings.coalesce {
                true => {
                    let own = coalesce_layer(settings, clock, &ledger)?;
                    let node = layer.layer(own.layer(upstream.clone()));
                    coalesce.push(own);
                    Node::Sharing(node)
                }
                false => Node::Cache(layer.layer(upstream.clone())),
            });
        }
        Ok(Self {
            nodes,
            next: 0,
            coalesce,
            upstream,
            answers: JoinSet::new(),
            node_hits: 0,
            shared_hits: 0,
            settings: settings.clone(),
            spread: fleet.spread,
            requests: 0,
        })
    }

    /// Makes a request at its node: to its end if the upstream takes no time, as the replay itself does.
    pub(super) async fn call(&mut self, entry: &Entry) -> Result<()> {
        self.requests += 1;
        let at = self.place(entry);
        let mut asked = request(entry, &self.settings.host)?;
        let meter = Meter::default();
        asked.extensions_mut().insert(meter.clone());
        let seen = Asked::new(at);
        let node = &mut self.nodes[at];
        let answer = seen.run(|| node.call(asked));
        let answered = async move {
            answer.await;
            match (meter.calls(), seen.was_found()) {
                (0, true) => Answered::Shared,
                (0, false) => Answered::Node,
                _ => Answered::Upstream,
            }
        };
        if !self.settings.overlaps() {
            let answered = answered.await;
            self.count(&answered);
            return Ok(());
        }
        self.answers.spawn(answered);
        while let Some(Ok(answered)) = self.answers.try_join_next() {
            self.count(&answered);
        }
        Ok(())
    }

    /// Waits for all answers, and returns the counts.
    pub(super) async fn finish(mut self) -> FleetSide {
        while let Some(Ok(answered)) = self.answers.join_next().await {
            self.count(&answered);
        }
        let stats = self.coalesce.iter().map(CoalesceLayer::stats);
        let shared_calls = stats.map(|stats| stats.joined + stats.reused).sum();
        let upstream_calls = self.upstream.calls();
        let avoided = self.requests.saturating_sub(upstream_calls);
        FleetSide {
            upstream_calls,
            // Neither a call nor a response below: its own memory, or the call of another request.
            node_hits: self.node_hits.saturating_sub(shared_calls),
            shared_hits: self.shared_hits,
            shared_calls,
            saved: self.settings.price * avoided,
        }
    }

    fn place(&mut self, entry: &Entry) -> usize {
        let nodes = self.nodes.len();
        if self.spread == Spread::Client && entry.client != 0 {
            let place = entry.client % (nodes as u64);
            return usize::try_from(place).unwrap_or_default();
        }
        self.next = (self.next + 1) % nodes;
        self.next
    }

    fn count(&mut self, answered: &Answered) {
        match answered {
            Answered::Upstream => {}
            Answered::Shared => self.shared_hits += 1,
            Answered::Node => self.node_hits += 1,
        }
    }
}

// === impl Node ===

impl Node {
    /// Makes a request, and reads the response to its end.
    fn call(&mut self, request: Request<Empty<Bytes>>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Cache(node) => Box::pin(read(node.call(request))),
            Self::Sharing(node) => Box::pin(read(node.call(request))),
        }
    }
}
