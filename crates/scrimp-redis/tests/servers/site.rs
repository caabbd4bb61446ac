//! Processes with memory above Redis, an upstream whose documents have versions, and what each process
//! may answer.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_cache::{Cache, CacheLayer, Invalidation, MemoryStore, Tiered};
use scrimp_core::Ledger;
use scrimp_redis::{Degradation, RedisClient, RedisClientBuilder, RedisLog, RedisStore};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, timeout},
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::{load::CLIENTS, rig::SOON};

/// The documented time after which no process uses what was invalidated, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(3_500);

/// Number of documents. About a third of them fits into the memory of a process.
pub(crate) const DOCUMENTS: usize = 120;

type Upstream = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>;
type Tiers = Tiered<MemoryStore, RedisStore>;

/// A process.
pub(crate) struct Node {
    pub(crate) client: RedisClient,
    pub(crate) log: RedisLog,
    pub(crate) store: Tiers,
    layer: CacheLayer<Tiers>,
    cache: Mutex<Cache<Upstream, Tiers>>,
    changes: tokio::sync::Mutex<mpsc::UnboundedReceiver<Degradation>>,
    /// Processes that hear of the invalidations of this one.
    audience: Mutex<Vec<usize>>,
    changed: Notify,
}

/// The processes, and what each of them may answer.
pub(crate) struct Site {
    pub(crate) nodes: Vec<Node>,
    upstream: Arc<Documents>,
    law: Mutex<Law>,
    answers: watch::Sender<u64>,
    /// Flag that no client changes anything.
    pub(crate) paused: AtomicBool,
}

/// The documents of the upstream.
struct Documents {
    versions: Vec<AtomicUsize>,
    length: usize,
    calls: AtomicU64,
}

/// For each process and document: versions, with the time from which an older one is a fault.
struct Law(Vec<Vec<Vec<(usize, Instant)>>>);

// === impl Documents ===

impl Documents {
    fn version(&self, document: usize) -> usize {
        self.versions[document].load(SeqCst)
    }

    /// Returns the body of a version, which no compression makes shorter.
    fn body(&self, document: usize, version: usize) -> Bytes {
        let mut random = fastrand::Rng::with_seed((document * 1_000_003 + version) as u64);
        let mut body = format!("{version} ").into_bytes();
        body.extend(std::iter::repeat_with(|| random.u8(..)).take(self.length));
        Bytes::from(body)
    }

    fn respond(&self, request: &Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        self.calls.fetch_add(1, Relaxed);
        let path = request.uri().path();
        let document = path[1..].parse().expect("a number");
        let body = self.body(document, self.version(document));
        Response::builder()
            .header("cache-control", "max-age=3600")
            .header("cache-tag", format!("d{document}"))
            .body(Full::new(body))
            .expect("a response")
    }
}

// === impl Law ===

impl Law {
    fn note(&mut self, node: usize, document: usize, version: usize, from: Instant) {
        let known = &mut self.0[node][document];
        // What was outlived long ago says nothing any more.
        if known.len() > 1_000 {
            let last = known.iter().rposition(|(_, other)| *other + BOUND < from);
            known.drain(..last.unwrap_or(0));
        }
        known.push((version, from));
    }

    /// Returns the oldest version that a request of this moment may be answered with.
    fn oldest(&self, node: usize, document: usize, asked: Instant) -> usize {
        let known = self.0[node][document].iter();
        let due = known.filter(|(_, from)| *from <= asked);
        due.map(|(version, _)| *version).max().unwrap_or(0)
    }
}

// === impl Node ===

impl Node {
    async fn start(builder: RedisClientBuilder, upstream: &Arc<Documents>, all: usize) -> Self {
        let (changed, changes) = mpsc::unbounded_channel();
        let client = builder
            .health_interval(Duration::from_millis(500))
            .notify_degraded(move |change| {
                let _ = changed.send(change.clone());
            });
        let client = client.build().expect("settings");
        let log = RedisLog::builder(&client).build().expect("settings");
        let below = RedisStore::builder(&client).shared_log(log.shared());
        let memory = MemoryStore::new(DOCUMENTS as u64 / 3 * (upstream.length as u64 + 1_000));
        let store = Tiered::new(memory, below.build().expect("settings"));
        // What costs nothing is not worth a place below.
        let layer = CacheLayer::builder(store.clone()).price("0.01");
        let layer = layer.ledger(Ledger::new()).build().expect("settings");
        let documents = Arc::clone(upstream);
        let upstream = service_fn(move |request| ready(Ok(documents.respond(&request))));
        timeout(SOON, log.caught_up()).await.expect("Redis serves");
        Self {
            cache: Mutex::new(layer.layer(BoxCloneSyncService::new(upstream))),
            client,
            log,
            store,
            layer,
            changes: changes.into(),
            audience: Mutex::new((0..all).collect()),
            changed: Notify::new(),
        }
    }

    /// Returns the body of a document, and whether it was stored.
    async fn get(&self, document: usize) -> (Bytes, bool) {
        let request = Request::get(format!("http://a.example/{document}"));
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let cache = self.cache.lock().clone();
        let response = cache.oneshot(request).await.expect("no request fails");
        assert_eq!(response.status(), 200);
        let verdict = response.headers()["cache-status"].to_str().expect("text");
        let is_hit = verdict.contains("; hit");
        let body = response.into_body().collect().await.expect("a body");
        (body.to_bytes(), is_hit)
    }

    /// Forgets what the server of this process has done up to now.
    pub(crate) async fn forget_changes(&self) {
        let mut changes = self.changes.lock().await;
        while changes.try_recv().is_ok() {}
    }

    /// Waits until the server of this process stops serving (`true`), or all serve again.
    pub(crate) async fn degraded(&self, wanted: bool) {
        let mut changes = self.changes.lock().await;
        let change = async {
            loop {
                let change = changes.recv().await.expect("the client is there");
                let began = matches!(change, Degradation::Began { .. });
                if began == wanted && (wanted || self.client.stats().unavailable == 0) {
                    return;
                }
            }
        };
        timeout(6 * SOON, change).await.expect("a change");
    }

    /// Returns the number of waits for Redis that reached their limit.
    pub(crate) fn timed_out(&self) -> u64 {
        self.client.stats().timed_out + self.store.tiers().timed_out
    }
}

// === impl Site ===

impl Site {
    /// Starts a process for each client. Documents have this length.
    pub(crate) async fn start(
        clients: impl IntoIterator<Item = RedisClientBuilder>,
        length: usize,
    ) -> Arc<Self> {
        let clients: Vec<_> = clients.into_iter().collect();
        let upstream = Arc::new(Documents {
            versions: (0..DOCUMENTS).map(|_| AtomicUsize::new(0)).collect(),
            length,
            calls: AtomicU64::new(0),
        });
        let all = clients.len();
        let nodes = clients
            .into_iter()
            .map(|client| Node::start(client, &upstream, all));
        Arc::new(Self {
            nodes: join_all(nodes).await,
            law: Mutex::new(Law(vec![vec![Vec::new(); DOCUMENTS]; all])),
            upstream,
            answers: watch::Sender::new(0),
            paused: AtomicBool::new(false),
        })
    }

    /// Requests a document of a process, and checks what comes.
    pub(crate) async fn ask(&self, node: usize, document: usize) -> bool {
        let asked = Instant::now();
        let (body, is_hit) = self.nodes[node].get(document).await;
        let end = body.iter().position(|&byte| byte == b' ').expect("a space");
        let version = std::str::from_utf8(&body[..end]).expect("text");
        let version = version.parse().expect("a number");
        assert!(
            body == self.upstream.body(document, version),
            "a body is not whole"
        );
        let oldest = self.law.lock().oldest(node, document, asked);
        assert!(
            version >= oldest,
            "process {node} answers with version {version} of {document}, not {oldest}: {:?}",
            self.nodes[node].log
        );
        self.answers.send_modify(|answers| *answers += 1);
        is_hit
    }

    /// Changes a document, and invalidates it in a process.
    pub(crate) fn change(&self, node: usize, document: usize) {
        let version = self.upstream.versions[document].fetch_add(1, SeqCst) + 1;
        let tag = Invalidation::tag(format!("d{document}"));
        self.nodes[node].layer.invalidator().invalidate(&tag);
        let mut law = self.law.lock();
        law.note(node, document, version, Instant::now());
        self.nodes[node].changed.notify_one();
    }

    /// Notes when the changes of a process have reached the log, which is when the others have to know.
    pub(crate) async fn settle(self: Arc<Self>, node: usize) {
        let this = &self.nodes[node];
        loop {
            this.changed.notified().await;
            // What changes meanwhile may be part of it, or of the next time.
            let versions: Vec<_> = {
                let law = self.law.lock();
                let last =
                    |known: &Vec<(usize, Instant)>| known.last().map(|(version, _)| *version);
                law.0[node].iter().map(last).collect()
            };
            this.log.settled().await;
            let from = Instant::now() + BOUND;
            let mut law = self.law.lock();
            for &other in this.audience.lock().iter().filter(|&&other| other != node) {
                for (document, version) in versions.iter().enumerate() {
                    let known = law.0[other][document].iter();
                    if let Some(version) = *version
                        && known.map(|(version, _)| *version).max() < Some(version)
                    {
                        law.note(other, document, version, from);
                    }
                }
            }
        }
    }

    /// Lets the invalidations of each process reach these groups only.
    pub(crate) fn split(&self, groups: &[&[usize]]) {
        for group in groups {
            for &node in *group {
                *self.nodes[node].audience.lock() = group.to_vec();
            }
        }
    }

    /// Lets them reach all processes again. What happened since the split has to be known, too.
    pub(crate) fn join(&self) {
        let from = Instant::now() + BOUND;
        let mut law = self.law.lock();
        for node in &self.nodes {
            *node.audience.lock() = (0..self.nodes.len()).collect();
        }
        for document in 0..DOCUMENTS {
            let version = self.upstream.version(document);
            for node in 0..self.nodes.len() {
                law.note(node, document, version, from);
            }
        }
    }

    /// Waits until this many more requests have been answered.
    pub(crate) async fn answers(&self, number: u64) {
        let mut answers = self.answers.subscribe();
        let wanted = *answers.borrow() + number;
        let done = answers.wait_for(|answers| *answers >= wanted);
        let done = timeout(12 * SOON, done).await.expect("answers");
        done.expect("the site is there");
    }

    /// Lets no client change anything, and waits until all processes know what was changed.
    pub(crate) async fn pause(&self) {
        self.paused.store(true, SeqCst);
        // Each client has seen it.
        self.answers(2 * (self.nodes.len() * CLIENTS) as u64).await;
        for node in &self.nodes {
            // Redis may have refused it until now, and is asked again every few seconds.
            let settled = timeout(3 * SOON, node.log.settled());
            settled.await.expect("it settles");
        }
        let positions = self.nodes.iter().map(|node| node.log.stats().position);
        let last = positions.max().unwrap_or_default();
        for node in &self.nodes {
            let reached = timeout(SOON, node.log.reached(last));
            reached.await.expect("it hears of all");
        }
    }

    pub(crate) fn go_on(&self) {
        self.paused.store(false, SeqCst);
    }

    /// Waits until each process reads from Redis what another one has stored.
    pub(crate) async fn shares(&self) {
        for node in &self.nodes {
            let found = node.store.lower().counts().found;
            while node.store.lower().counts().found < found + 10 {
                self.answers(1).await;
            }
        }
    }

    /// Returns the number of calls of the upstream.
    pub(crate) fn calls(&self) -> u64 {
        self.upstream.calls.load(Relaxed)
    }
}
