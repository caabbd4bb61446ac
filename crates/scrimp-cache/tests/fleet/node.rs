//! A node of a fleet: a cache with its memory, over a tier that all nodes share.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use scrimp_cache::{
    Cache, CacheLayer, Codec, Entry, FillToken, Invalidation, LogReplica, Lookup, MemoryBudget,
    PutOutcome, RecordId, SharedLog, Store, Variants,
};
use scrimp_core::{BoxError, Clock, Key, KeyRef};
use scrimp_testkit::{ManualClock, Scripted};
use tower::{Layer, ServiceExt};

use crate::common::{Answer, Fields, noon, reply, request};

/// Identifier of the log.
pub(crate) const LOG: u64 = 7;

type Held<K, V> = Arc<Mutex<HashMap<K, V>>>;

/// Returns the name of the record at a position.
pub(crate) fn record(at: u64) -> RecordId {
    RecordId { at, nonce: 7 * at }
}

/// An action in the middle of a look-up.
pub(crate) type Between = Option<Box<dyn FnOnce() + Send>>;

/// The world that nodes share: an origin with one document, a tier, and a log.
#[derive(Clone, Default)]
pub(crate) struct World {
    tier: Held<Key, Bytes>,
    stream: Arc<Mutex<Vec<(usize, u64, Bytes)>>>,
    pub(crate) document: Arc<AtomicUsize>,
    pub(crate) down: Arc<AtomicBool>,
    nodes: Arc<AtomicUsize>,
    clock: Arc<std::sync::OnceLock<ManualClock>>,
}

pub(crate) struct Node {
    id: usize,
    world: World,
    pub(crate) replica: LogReplica,
    pub(crate) layer: CacheLayer<Tiers>,
    cache: Mutex<Cache<Scripted, Tiers>>,
    pub(crate) calls: Arc<AtomicUsize>,
    seen: AtomicUsize,
}

/// A memory over the shared tier.
#[derive(Clone)]
pub(crate) struct Tiers {
    memory: Held<Key, Arc<Variants>>,
    tier: Held<Key, Bytes>,
    codec: Codec,
    log: SharedLog,
    budget: MemoryBudget,
    /// Actions after the bytes are read, and after they are decoded.
    pub(crate) read: Arc<Mutex<Between>>,
    pub(crate) decoded: Arc<Mutex<Between>>,
}

// === impl World ===

impl World {
    pub(crate) fn node(&self) -> Arc<Node> {
        let node = self.stranger();
        node.replica.begin(LOG, record(0));
        node.deliver();
        node.replica.set_complete(true);
        node
    }

    /// Returns a node that has not begun the log.
    pub(crate) fn stranger(&self) -> Arc<Node> {
        let (log, replica) = SharedLog::new(|| {});
        let clock = self.clock.get_or_init(|| ManualClock::new(noon())).clock();
        let store = Tiers::new(&self.tier, &log, &clock);
        let calls = Arc::new(AtomicUsize::new(0));
        let (document, down, counted) = (self.document.clone(), self.down.clone(), calls.clone());
        let (service, _) = Scripted::answering(move |head| {
            counted.fetch_add(1, Ordering::SeqCst);
            if down.load(Ordering::SeqCst) {
                return reply(503, &[], "down");
            }
            let text = document.load(Ordering::SeqCst).to_string();
            let etag = format!("\"{text}\"");
            let fields: Fields<'_> = &[
                ("cache-control", "max-age=600, stale-if-error=600"),
                ("cache-tag", "product:1, lists@3"),
                ("cache-groups", "\"shelf\""),
                ("etag", &etag),
            ];
            match head.headers.get("if-none-match") {
                Some(known) if known == etag.as_str() => reply(304, fields, ""),
                _ => reply(200, fields, &text),
            }
        });
        let layer = CacheLayer::builder(store).clock(clock).build().unwrap();
        Arc::new(Node {
            id: self.nodes.fetch_add(1, Ordering::SeqCst),
            world: self.clone(),
            replica,
            cache: Mutex::new(layer.layer(service)),
            layer,
            calls,
            seen: AtomicUsize::new(0),
        })
    }

    pub(crate) fn change(&self) -> String {
        let before = self.document.fetch_add(1, Ordering::SeqCst);
        (before + 1).to_string()
    }

    /// Appends bytes that no node has made.
    pub(crate) fn poison(&self, bytes: &'static [u8]) {
        let bytes = Bytes::from_static(bytes);
        self.stream.lock().push((usize::MAX, 0, bytes));
    }
}

// === impl Node ===

impl Node {
    /// Appends what waits to the log.
    pub(crate) fn append(&self) {
        while let Some(record) = self.replica.take() {
            let mut stream = self.world.stream.lock();
            stream.push((self.id, record.through, record.bytes));
        }
    }

    /// Applies what the log has more than this node.
    pub(crate) fn deliver(&self) {
        let stream = self.world.stream.lock().clone();
        let from = self.seen.swap(stream.len(), Ordering::SeqCst);
        for (at, (id, through, bytes)) in stream.iter().enumerate().skip(from) {
            let own = (*id == self.id).then_some(*through);
            let _ = self.replica.apply(record(at as u64 + 1), bytes, own);
        }
    }

    pub(crate) fn invalidate(&self, invalidation: &Invalidation) {
        self.layer.invalidator().invalidate(invalidation);
    }

    pub(crate) async fn ask(&self, method: &str, fields: Fields<'_>) -> Answer {
        let request = request(method, "http://shop.example/products/1", fields);
        let cache = self.cache.lock().clone();
        let response = cache.oneshot(request).await;
        let (parts, body) = response.expect("an answer").into_parts();
        let body = http_body_util::BodyExt::collect(body).await;
        Answer {
            status: parts.status,
            headers: parts.headers,
            extensions: parts.extensions,
            trailers: None,
            body: body.expect("a body").to_bytes(),
        }
    }

    pub(crate) async fn get(&self) -> String {
        self.ask("GET", &[]).await.text().to_owned()
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Forgets what is in memory.
    pub(crate) fn forget(&self) {
        self.layer.store().memory.lock().clear();
    }
}

// === impl Tiers ===

impl Tiers {
    fn new(tier: &Held<Key, Bytes>, log: &SharedLog, clock: &Clock) -> Self {
        Self {
            memory: Held::default(),
            tier: tier.clone(),
            codec: Codec::new().clock(clock.clone()).shared_log(log),
            log: log.clone(),
            budget: MemoryBudget::new(1 << 20),
            read: Arc::default(),
            decoded: Arc::default(),
        }
    }

    fn look_up(&self, key: &Key) -> Option<Arc<Variants>> {
        let bytes = self.tier.lock().get(key).cloned()?;
        run(&self.read);
        let found = self.codec.decode(key.as_ref(), &bytes).ok().map(Arc::new);
        run(&self.decoded);
        let found = found?;
        self.memory.lock().insert(key.clone(), found.clone());
        Some(found)
    }
}

fn run(between: &Mutex<Between>) {
    let action = between.lock().take();
    if let Some(action) = action {
        action();
    }
}

impl Store for Tiers {
    type Get =
        Pin<Box<dyn Future<Output = Result<Option<Arc<Variants>>, BoxError>> + Send + 'static>>;
    type Put = Ready<Result<PutOutcome, BoxError>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        let key = key.to_key();
        if let Some(found) = self.memory.lock().get(&key) {
            return Lookup::Now(Some(found.clone()));
        }
        let own = self.clone();
        Lookup::Later(Box::pin(async move { Ok(own.look_up(&key)) }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        if !token.allows(&entry) {
            return ready(Ok(PutOutcome::Superseded));
        }
        let variants = Variants::default().with(&entry);
        let bytes = self.codec.encode(key.as_ref(), &variants);
        let bytes = bytes.expect("a response in memory has a form in bytes");
        self.tier.lock().insert(key.clone(), bytes);
        self.memory.lock().insert(key, Arc::new(variants));
        ready(Ok(PutOutcome::Stored))
    }

    fn remove(&self, key: KeyRef<'_>, _: Option<&Arc<Entry>>) {
        self.memory.lock().remove(&key.to_key());
    }

    fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    fn max_body(&self) -> u64 {
        1 << 20
    }

    fn shared_log(&self) -> Option<SharedLog> {
        Some(self.log.clone())
    }
}
