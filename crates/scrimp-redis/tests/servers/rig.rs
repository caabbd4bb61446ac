//! A cache over Redis, and what the tests see of it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use scrimp_cache::{
    Cache, CacheLayer, CacheLayerBuilder, Entry, Erasing, Erasure, FillToken, Lookup, MemoryBudget,
    PutOutcome, SharedLog, Store,
};
use scrimp_core::{BoxError, Key, KeyRef, extensions::Fence};
use scrimp_redis::{Degradation, RedisClient, RedisClientBuilder, RedisStore};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    time::Instant,
};
use tower::{Layer, ServiceExt};

/// A store that tells of each put once it is over.
#[derive(Clone)]
pub(crate) struct Watched {
    inner: RedisStore,
    /// Flag that look-ups find nothing, and take no time.
    blind: Arc<AtomicBool>,
    puts: mpsc::UnboundedSender<Result<PutOutcome, String>>,
}

/// A cache over Redis.
pub(crate) struct Rig {
    pub(crate) client: RedisClient,
    pub(crate) store: RedisStore,
    pub(crate) layer: CacheLayer<Watched>,
    cache: Mutex<Cache<Scripted, Watched>>,
    pub(crate) upstream: Upstream,
    puts: AsyncMutex<mpsc::UnboundedReceiver<Result<PutOutcome, String>>>,
    changes: AsyncMutex<mpsc::UnboundedReceiver<Degradation>>,
    pub(crate) blind: Arc<AtomicBool>,
    bodies: Arc<Mutex<Body>>,
}

/// The upstream's body for a path.
type Body = Box<dyn Fn(&str) -> Bytes + Send + Sync>;

type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl Watched ===

impl Store for Watched {
    type Get = <RedisStore as Store>::Get;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        match self.blind.load(Relaxed) {
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
        self.inner.sweep(retention, now)
    }

    fn budget(&self) -> &MemoryBudget {
        self.inner.budget()
    }

    fn max_body(&self) -> u64 {
        self.inner.max_body()
    }
}

// === impl Rig ===

impl Rig {
    pub(crate) fn start(url: &str) -> Self {
        Self::over(patient(url), RedisStore::new)
    }

    pub(crate) fn over(
        builder: RedisClientBuilder,
        store: impl FnOnce(&RedisClient) -> RedisStore,
    ) -> Self {
        Self::with(builder, store, |layer| layer)
    }

    pub(crate) fn with(
        builder: RedisClientBuilder,
        store: impl FnOnce(&RedisClient) -> RedisStore,
        settings: impl FnOnce(CacheLayerBuilder<Watched>) -> CacheLayerBuilder<Watched>,
    ) -> Self {
        let (changed, changes) = mpsc::unbounded_channel();
        let client = builder.notify_degraded(move |change| {
            let _ = changed.send(change.clone());
        });
        let client = client.build().expect("the settings are right");
        let store = store(&client);
        let (puts, put) = mpsc::unbounded_channel();
        let blind = Arc::new(AtomicBool::new(false));
        let layer = CacheLayer::builder(Watched {
            inner: store.clone(),
            blind: Arc::clone(&blind),
            puts,
        });
        // The client's own limit counts.
        let layer = settings(layer.store_timeout(SOON)).build();
        let layer = layer.expect("the settings are right");
        let bodies: Arc<Mutex<Body>> = Arc::new(Mutex::new(Box::new(|path| {
            Bytes::from(format!("this is {path}"))
        })));
        let made = Arc::clone(&bodies);
        let (service, upstream) = Scripted::answering(move |parts| respond(parts, &made));
        Self {
            client,
            store,
            cache: Mutex::new(layer.layer(service)),
            layer,
            upstream,
            puts: AsyncMutex::new(put),
            changes: AsyncMutex::new(changes),
            blind,
            bodies,
        }
    }

    /// Sets the bodies of the upstream.
    pub(crate) fn bodies(&self, body: impl Fn(&str) -> Bytes + Send + Sync + 'static) {
        *self.bodies.lock() = Box::new(body);
    }

    /// Returns the service.
    pub(crate) fn cache(&self) -> Cache<Scripted, Watched> {
        self.cache.lock().clone()
    }

    /// Returns the body of the response to a path, and whether it was stored.
    pub(crate) async fn get(&self, path: &str) -> (Bytes, bool) {
        self.send(path, "en", None).await
    }

    /// Sends a request in a language, which the responses vary by, under a lock's fence.
    pub(crate) async fn send(
        &self,
        path: &str,
        language: &str,
        fence: Option<u64>,
    ) -> (Bytes, bool) {
        let mut request = Request::get(format!("http://a.example{path}"))
            .header("accept-language", language)
            .body(Full::<Bytes>::default())
            .expect("a request");
        if let Some(fence) = fence {
            request.extensions_mut().insert(Fence(fence));
        }
        let response = self
            .cache()
            .oneshot(request)
            .await
            .expect("no request fails");
        assert_eq!(response.status(), 200);
        let hit = response.headers()["cache-status"]
            .to_str()
            .expect("text")
            .contains("; hit");
        let body = response.into_body().collect().await.expect("a body");
        (body.to_bytes(), hit)
    }

    /// Waits until a response that was just fetched is stored, or not.
    pub(crate) async fn put(&self) -> Result<PutOutcome, String> {
        self.puts
            .lock()
            .await
            .recv()
            .await
            .expect("the store is there")
    }

    /// Fetches a path, and waits until it is stored.
    pub(crate) async fn fill(&self, path: &str) {
        assert!(!self.get(path).await.1, "{path} is stored already");
        assert_eq!(self.put().await, Ok(PutOutcome::Stored), "{path}");
    }

    /// Waits until an endpoint stops serving, or serves again.
    pub(crate) async fn change(&self) -> Degradation {
        self.changes
            .lock()
            .await
            .recv()
            .await
            .expect("the client is there")
    }

    /// Waits until Redis serves again. A command has to try it.
    pub(crate) async fn recovered(&self) {
        self.client.connected().await;
        let mut changes = self.changes.lock().await;
        loop {
            match changes.try_recv() {
                Ok(Degradation::Ended { .. }) => return,
                Ok(_) => {}
                Err(_) => {
                    self.get("/trial").await;
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// Returns the builder of a client that waits: tests share the machine with others.
pub(crate) fn patient(url: &str) -> RedisClientBuilder {
    RedisClient::builder([url]).command_timeout(SOON)
}

fn respond(parts: &Parts, bodies: &Mutex<Body>) -> Reply {
    let path = parts.uri.path();
    let body = ScriptedBody::new().data(bodies.lock()(path)).sized();
    let mut builder = Response::builder()
        .header("cache-control", "max-age=60")
        .header("content-type", "text/plain")
        .header("vary", "accept-language");
    if path.starts_with("/validated") {
        builder = builder.header("etag", "\"1\"");
    }
    Reply::respond(builder.body(body).expect("a response"))
}

/// Time in which something that should take none is over on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);
