//! A fleet whose Redis stops answering under load.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use scrimp_cache::{CacheLayer, MemoryStore, Store, Tiered};
use scrimp_coalesce::CoalesceLayer;
use scrimp_core::{Ledger, Money};
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Api, clock,
    remote::{Remote, Server},
};
use crate::{
    crowd::{Answer, Ask, Crowd, ask, get},
    error::Result,
    outcome::{Line, Scenario},
    prices::{CALL, Till, sum},
    support::{
        fleet::{Asked, FleetStore},
        random::{Random, Zipf},
    },
    value::{Goal, Value},
};

const NODES: usize = 8;
/// Requests per second, of all nodes.
const RATE: f64 = 100.0;
const PAGES: u64 = 2_000;
/// Time with Redis, without it, and with it again.
const PHASE: Duration = Duration::from_secs(30);
/// Time of an upstream call.
const TAKES: Duration = Duration::from_millis(200);
/// Memory of each node, for a small part of the pages.
const NODE_BYTES: u64 = 64 << 10;
/// Time-out of a client that does not handle the failure.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest that a request may take: the time-out of one command, and the call.
const LIMIT: Duration = Duration::from_millis(250);

/// A node that answers requests.
type Node = Box<dyn Fn(Ask) -> Pin<Box<dyn Future<Output = Answer>>>>;

/// Requests of a phase, and the calls that began in it.
#[derive(Debug, Clone, Copy, Default)]
struct Phase {
    requests: u64,
    failed: u64,
    slowest: Duration,
    waited: Duration,
    /// Requests that took longer than a look-up and a call.
    delayed: u64,
    calls: u64,
    spent: Money,
}

/// The calls of a fleet that were made without Redis.
#[derive(Debug, Clone, Copy)]
struct Degraded {
    /// By the ledger.
    calls: u64,
    spent: Money,
    /// By the upstream, which looks at Redis.
    counted: u64,
}

pub(crate) async fn run() -> Result<Scenario> {
    let [before, down, after] = {
        let server = Server::new();
        let till = Till::default();
        let nodes = patient(&server, &till)?;
        drive(&nodes, &server, &till).await
    };
    let (with, degraded) = guarded().await?;
    let [with_before, with_down, with_after] = with;
    let count = Value::Count;
    Ok(Scenario::new(
        "Redis stops answering",
        "8 nodes answer 100 requests a second for 2,000 pages by Zipf's law; a call takes 200 ms and \
         $0.01, Redis 1 ms; after 30 s it hangs, for 30 s. Without: each node asks Redis alone, \
         waits 1 s for it, and then calls. With: Tiered with 64 KiB a node above Redis, the breaker \
         of scrimp-redis, CacheLayer, CoalesceLayer.",
    )
    .line(
        Line::time("slowest request while it hangs", with_down.slowest)
            .without(Value::Time(down.slowest))
            .must(Goal::AtMost(Value::Time(LIMIT))),
    )
    .line(
        Line::count("requests that waited for its time-out", with_down.delayed)
            .without(count(down.delayed))
            .must(Goal::AtMost(count(20))),
    )
    .line(
        Line::time("average wait while it hangs", with_down.average())
            .without(Value::Time(down.average())),
    )
    .line(Line::count("calls in the 30 s before", with_before.calls).without(count(before.calls)))
    .line(Line::count("calls while it hangs", with_down.calls).without(count(down.calls)))
    .line(Line::money("paid while it hangs", with_down.spent).without(Value::Money(down.spent)))
    .line(Line::count("calls in the 30 s after", with_after.calls).without(count(after.calls)))
    .line(
        Line::count("degraded calls, by the ledger", degraded.calls)
            .must(Goal::Exactly(count(degraded.counted))),
    )
    .line(
        Line::money("paid for them, by the ledger", degraded.spent)
            .must(Goal::Exactly(Value::Money(CALL * degraded.counted))),
    )
    .line(
        Line::count(
            "requests that failed",
            with_before.failed + with_down.failed + with_after.failed,
        )
        .must(Goal::Exactly(count(0))),
    )
    .note(
        "Degraded are also the calls after Redis has come back, until a health check (5 s) has seen it.",
    ))
}

/// Returns nodes that ask Redis alone, and wait for it.
fn patient(server: &Server, till: &Till) -> Result<Vec<Node>> {
    let client = Remote::patient(server, PATIENCE);
    let layer = cache(FleetStore::new(vec![client; NODES]), &Ledger::new())?;
    let one = || node(layer.layer(api(till)));
    Ok((0..NODES).map(|_| one()).collect())
}

/// Drives nodes that handle the failure.
async fn guarded() -> Result<([Phase; 3], Degraded)> {
    let (server, till, ledger) = (Server::new(), Till::default(), Ledger::new());
    let clients: Vec<_> = (0..NODES).map(|_| Remote::guarded(&server)).collect();
    let tiers = clients.iter().map(|client| {
        let tiered = Tiered::builder(MemoryStore::new(NODE_BYTES), client.clone());
        tiered.clock(clock()).build()
    });
    let tiers = tiers.collect::<std::result::Result<Vec<_>, _>>()?;
    let layer = cache(FleetStore::new(tiers), &ledger)?;
    let counted = Arc::new(AtomicU64::new(0));
    let mut nodes = Vec::new();
    let mut keepers = JoinSet::new();
    for client in clients {
        let coalesce = CoalesceLayer::builder().clock(clock()).build()?;
        let (watch, counted) = (client.clone(), Arc::clone(&counted));
        let api = api(&till).map_request(move |request: Ask| {
            counted.fetch_add(u64::from(watch.is_without()), Relaxed);
            request
        });
        nodes.push(node(layer.layer(coalesce.layer(api))));
        keepers.spawn(client.keep());
    }
    let phases = drive(&nodes, &server, &till).await;
    let lines = ledger.lines();
    let lines = lines.iter().filter(|line| line.layer == "cache-degraded");
    let (calls, spent) = lines.fold(
        (0, Money::from_pico(0, CALL.currency())),
        |(calls, spent), line| (calls + line.calls_made, sum(spent, line.spent)),
    );
    let counted = counted.load(Relaxed);
    let degraded = Degraded {
        calls,
        spent,
        counted,
    };
    Ok((phases, degraded))
}

fn cache<St: Store>(store: St, ledger: &Ledger) -> Result<CacheLayer<St>> {
    let layer = CacheLayer::builder(store)
        .clock(clock())
        .ledger(ledger.clone())
        .price(CALL)
        // Each client has a limit of its own.
        .store_timeout(PATIENCE * 2)
        .rule("ttl=10m")
        .build()?;
    Ok(layer)
}

fn api(till: &Till) -> Api {
    Api {
        till: till.clone(),
        takes: TAKES,
    }
}

fn node<S, B>(service: S) -> Node
where
    S: Service<Ask, Response = Response<B>, Error = Infallible> + Clone + 'static,
    B: Body<Data = Bytes> + 'static,
{
    Box::new(move |request| Box::pin(ask(service.clone(), request)))
}

/// Sends the traffic of all phases.
async fn drive(nodes: &[Node], server: &Server, till: &Till) -> [Phase; 3] {
    let (mut random, zipf) = (Random::new(1), Zipf::new(PAGES));
    let mut crowd = Crowd::new();
    let mut phases = [Phase::default(); 3];
    let mut at = Duration::ZERO;
    for (number, phase) in (0u32..).zip(&mut phases) {
        server.hang(number == 1);
        let before = till.taken();
        let end = PHASE * (number + 1);
        loop {
            at += Duration::from_secs_f64(random.gap(1.0 / RATE));
            if at >= end {
                break;
            }
            crowd.until(at).await;
            let place = usize::try_from(random.below(NODES as u64)).unwrap_or_default();
            let uri = format!("http://shop.example/page/{}", zipf.draw(&mut random));
            let answer = Asked::new(place).run(|| nodes[place](get(&uri)));
            crowd.begin(async move { (number, answer.await) }).await;
        }
        // The next request is that of the next phase.
        at = end;
        crowd.until(end).await;
        let taken = till.taken();
        phase.calls = taken.calls - before.calls;
        phase.spent = CALL * phase.calls;
    }
    for (number, answer) in crowd.finish().await {
        phases[number as usize].note(&answer);
    }
    phases
}

// === impl Phase ===

impl Phase {
    fn note(&mut self, answer: &Answer) {
        self.requests += 1;
        self.failed += u64::from(!answer.is_good());
        self.slowest = self.slowest.max(answer.waited);
        self.waited += answer.waited;
        let usual = TAKES + Duration::from_millis(5);
        self.delayed += u64::from(answer.waited > usual);
    }

    fn average(&self) -> Duration {
        let requests = u32::try_from(self.requests.max(1)).unwrap_or(u32::MAX);
        self.waited / requests
    }
}
