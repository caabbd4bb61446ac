//! A node of a fleet: a cache over an object store, and what the tests see of it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parking_lot::Mutex;
use scrimp_cache::{
    Cache, CacheLayer, CacheLayerBuilder, Entry, Erasing, Erasure, FillToken, LogReplica, Lookup,
    MemoryBudget, PutOutcome, RecordId, SharedLog, Store,
};
use scrimp_core::{BoxError, Key, KeyRef, extensions::Fence};
use scrimp_object::{BucketStore, BucketStoreBuilder};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    time::Instant,
};
use tower::{Layer, ServiceExt};

/// Identifier of the log.
const LOG: u64 = 7;

/// Result of a put, as a test sees it.
pub(crate) type Put = Result<PutOutcome, String>;

/// A store that tells of each put once it is over.
#[derive(Clone)]
pub(crate) struct Watched {
    inner: BucketStore,
    /// Flag that look-ups find nothing, and take no time.
    blind: Arc<AtomicBool>,
    puts: mpsc::UnboundedSender<Put>,
}

/// The log of invalidations that all nodes share.
pub(crate) type Stream = Arc<Mutex<Vec<(usize, u64, Bytes)>>>;

pub(crate) struct Node {
    pub(crate) store: BucketStore,
    pub(crate) layer: CacheLayer<Watched>,
    cache: Mutex<Cache<Scripted, Watched>>,
    pub(crate) upstream: Upstream,
    puts: AsyncMutex<mpsc::UnboundedReceiver<Put>>,
    pub(crate) blind: Arc<AtomicBool>,
    replica: LogReplica,
    stream: Stream,
    number: usize,
    seen: Mutex<usize>,
}

/// Returns a store that tells of each put, and what it tells.
pub(crate) fn watched(inner: BucketStore) -> (Watched, mpsc::UnboundedReceiver<Put>) {
    let (puts, told) = mpsc::unbounded_channel();
    let blind = Arc::default();
    let watched = Watched { inner, blind, puts };
    (watched, told)
}

// === impl Watched ===

impl Store for Watched {
    type Get = <BucketStore as Store>::Get;
    type Put = Pin<Box<dyn Future<Output = Result<PutOutcome, BoxError>> + Send>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        match self.blind.load(SeqCst) {
            true => Lookup::Now(None),
            false => self.inner.get(key),
        }
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let (put, puts) = (self.inner.put(key, entry, token), self.puts.clone());
        Box::pin(async move {
            let outcome = put.await;
            let seen = outcome.as_ref().map(|outcome| *outcome);
            let _ = puts.send(seen.map_err(ToString::to_string));
            outcome
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.inner.remove(key, which);
    }

    fn shared_log(&self) -> Option<SharedLog> {
        self.inner.shared_log()
    }

    fn erase(&self, erasure: &Erasure) -> Erasing {
        self.inner.erase(erasure)
    }

    fn sweep(&self, retention: Duration, now: Instant) -> Erasing {
        Store::sweep(&self.inner, retention, now)
    }

    fn budget(&self) -> &MemoryBudget {
        self.inner.budget()
    }

    fn max_body(&self) -> u64 {
        self.inner.max_body()
    }
}

// === impl Node ===

impl Node {
    pub(crate) fn start(objects: Arc<dyn ObjectStore>) -> Self {
        Self::of_fleet(objects, &Stream::default(), 0, |builder| builder)
    }

    /// Starts a node of a fleet that shares a log of invalidations.
    pub(crate) fn of_fleet(
        objects: Arc<dyn ObjectStore>,
        stream: &Stream,
        number: usize,
        settings: impl FnOnce(BucketStoreBuilder) -> BucketStoreBuilder,
    ) -> Self {
        Self::with(objects, (stream, number), settings, |layer| layer)
    }

    /// Starts a node whose layer has further settings.
    pub(crate) fn with(
        objects: Arc<dyn ObjectStore>,
        (stream, number): (&Stream, usize),
        settings: impl FnOnce(BucketStoreBuilder) -> BucketStoreBuilder,
        of_layer: impl FnOnce(CacheLayerBuilder<Watched>) -> CacheLayerBuilder<Watched>,
    ) -> Self {
        let (log, replica) = SharedLog::new(|| {});
        let store = settings(BucketStore::builder(objects).shared_log(&log)).build();
        let store = store.expect("the settings are right");
        let (watched, puts) = watched(store.clone());
        let blind = Arc::clone(&watched.blind);
        let layer = CacheLayer::builder(watched);
        // The store's own limit counts.
        let layer = of_layer(layer.store_timeout(Duration::from_secs(20)));
        let layer = layer.build().expect("the settings are right");
        let (service, upstream) = Scripted::answering(|parts| {
            let path = parts.uri.path();
            let language = parts.headers.get("accept-language");
            let seconds = match language.is_some_and(|own| own.as_bytes().starts_with(b"long")) {
                true => 3600,
                false => 60,
            };
            let body = ScriptedBody::new().data(format!("this is {path}"));
            let response = http::Response::builder()
                .header("cache-control", format!("max-age={seconds}"))
                .header("cache-tag", path.trim_start_matches('/'))
                .header("vary", "accept-language");
            Reply::respond(response.body(body.sized()).expect("a response"))
        });
        let node = Self {
            store,
            cache: Mutex::new(layer.layer(service)),
            layer,
            upstream,
            puts: AsyncMutex::new(puts),
            blind,
            replica,
            stream: Arc::clone(stream),
            number,
            seen: Mutex::new(0),
        };
        node.replica.begin(LOG, RecordId { at: 0, nonce: 0 });
        node.follow();
        node.replica.set_complete(true);
        node
    }

    /// Appends what this node has invalidated to the log.
    pub(crate) fn append(&self) {
        while let Some(record) = self.replica.take() {
            let mut stream = self.stream.lock();
            stream.push((self.number, record.through, record.bytes));
        }
    }

    /// Applies what is new in the log.
    pub(crate) fn follow(&self) {
        let stream = self.stream.lock();
        let mut seen = self.seen.lock();
        for (number, through, bytes) in &stream[*seen..] {
            *seen += 1;
            let at = *seen as u64;
            let own = (*number == self.number).then_some(*through);
            let id = RecordId { at, nonce: 7 * at };
            self.replica.apply(id, bytes, own).expect("a record");
        }
    }

    pub(crate) async fn get(&self, path: &str) -> bool {
        self.send(path, "en", None).await
    }

    /// Sends a request in a language, which the responses vary by, under a lock's fence. Returns whether
    /// the response was stored.
    pub(crate) async fn send(&self, path: &str, language: &str, fence: Option<u64>) -> bool {
        let mut request = Request::get(format!("http://a.example{path}"))
            .header("accept-language", language)
            .body(Full::<Bytes>::default())
            .expect("a request");
        if let Some(fence) = fence {
            request.extensions_mut().insert(Fence(fence));
        }
        let cache = self.cache.lock().clone();
        let response = cache.oneshot(request).await.expect("no request fails");
        let said = response.headers()["cache-status"].to_str().expect("text");
        let hit = said.contains("; hit");
        let body = response.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), format!("this is {path}"));
        hit
    }

    /// Waits until a response that was just fetched is stored, or not.
    pub(crate) async fn put(&self) -> Put {
        let mut puts = self.puts.lock().await;
        puts.recv().await.expect("the store is there")
    }

    /// Fetches a path, and waits until it is stored.
    pub(crate) async fn fill(&self, path: &str) {
        assert!(!self.get(path).await, "{path} is stored already");
        assert_eq!(self.put().await, Ok(PutOutcome::Stored), "{path}");
    }
}

/// Returns the names of the objects with responses.
pub(crate) async fn names(objects: &dyn ObjectStore) -> Vec<Path> {
    use futures_util::TryStreamExt;
    let listed = objects.list(None).map_ok(|object| object.location);
    let mut names: Vec<Path> = listed.try_collect().await.expect("a list");
    names.retain(|name| !name.as_ref().contains("/clock/"));
    names.sort();
    names
}

/// Returns the bytes of an object.
pub(crate) async fn read(objects: &dyn ObjectStore, name: &Path) -> Bytes {
    let object = objects.get(name).await.expect("an object");
    object.bytes().await.expect("its bytes")
}
