//! A store that answers later, and a cache over tiers.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{
    Cache, CacheLayer, Entry, FillToken, Lookup, MemoryBudget, MemoryStore, Placement, PutOutcome,
    Store, TierCandidate, TierPolicy, Tiered, Variants,
};
use scrimp_core::{BoxError, Key, KeyRef};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tokio::time::sleep;
use tower::{Layer, ServiceExt};

/// Memory of a tier.
pub(crate) const MEMORY: u64 = 8 << 20;

/// A store that answers later, as over a network.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) inner: MemoryStore,
    pub(crate) state: Arc<State>,
    #[cfg(feature = "codec")]
    pub(crate) log: Option<scrimp_cache::SharedLog>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) delay: AtomicU64,
    pub(crate) fails: AtomicBool,
    /// Flag that nothing is found until the next put.
    pub(crate) lost: AtomicBool,
    /// Flag that removals do not arrive.
    pub(crate) keeps: AtomicBool,
    pub(crate) gets: AtomicUsize,
    pub(crate) puts: AtomicUsize,
}

pub(crate) type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Remote {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemoryStore::new(MEMORY),
            state: Arc::default(),
            #[cfg(feature = "codec")]
            log: None,
        }
    }

    pub(crate) fn delay(&self, time: Duration) {
        self.state.delay.store(time.as_micros() as u64, SeqCst);
    }

    fn wait(&self) -> impl Future<Output = Result<(), BoxError>> + Send + 'static {
        let state = Arc::clone(&self.state);
        async move {
            let delay = state.delay.load(SeqCst);
            if delay > 0 {
                sleep(Duration::from_micros(delay)).await;
            }
            match state.fails.load(SeqCst) {
                true => Err("the network is down".into()),
                false => Ok(()),
            }
        }
    }
}

impl Store for Remote {
    type Get = Later<Option<Arc<Variants>>>;
    type Put = Later<PutOutcome>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.state.gets.fetch_add(1, SeqCst);
        let (store, key, wait) = (self.inner.clone(), key.to_key(), self.wait());
        let state = Arc::clone(&self.state);
        Lookup::Later(Box::pin(async move {
            wait.await?;
            if state.lost.load(SeqCst) {
                return Ok(None);
            }
            match store.get(key.as_ref()) {
                Lookup::Now(found) => Ok(found),
                Lookup::Later(get) => get.await,
            }
        }))
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        self.state.puts.fetch_add(1, SeqCst);
        self.state.lost.store(false, SeqCst);
        let (store, wait) = (self.inner.clone(), self.wait());
        Box::pin(async move {
            wait.await?;
            store.put(key, entry, token).await
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        if !self.state.keeps.load(SeqCst) {
            self.inner.remove(key, which);
        }
    }

    #[cfg(feature = "codec")]
    fn shared_log(&self) -> Option<scrimp_cache::SharedLog> {
        self.log.clone()
    }

    fn budget(&self) -> &MemoryBudget {
        self.inner.budget()
    }

    fn max_body(&self) -> u64 {
        self.inner.max_body_size()
    }
}

/// Keeps everything in both tiers, for these times.
#[derive(Debug)]
pub(crate) struct Fixed(Placement);

impl TierPolicy for Fixed {
    fn place(&self, _: &TierCandidate<'_>) -> Placement {
        self.0
    }
}

pub(crate) fn fixed(upper: Option<u64>, lower: Option<u64>) -> Fixed {
    Fixed(Placement {
        upper: upper.map(Duration::from_secs),
        lower: lower.map(Duration::from_secs),
    })
}

pub(crate) struct Rig<St: Store> {
    pub(crate) store: St,
    pub(crate) layer: CacheLayer<St>,
    pub(crate) cache: Cache<Scripted, St>,
    pub(crate) upstream: Upstream,
}

impl<St: Store> Rig<St> {
    pub(crate) fn new(store: St) -> Self {
        Self::with(store, "max-age=3600")
    }

    pub(crate) fn with(store: St, control: &'static str) -> Self {
        let layer = CacheLayer::new(store.clone());
        let (service, upstream) = Scripted::answering(move |parts| {
            let body = ScriptedBody::new()
                .data(parts.uri.path().to_owned())
                .sized();
            let response = Response::builder()
                .header("cache-control", control)
                .header("vary", "accept-language")
                .header("etag", "\"1\"");
            Reply::respond(response.body(body).expect("a response"))
        });
        Self {
            store,
            cache: layer.layer(service),
            layer,
            upstream,
        }
    }

    /// Returns whether the response was stored.
    pub(crate) async fn get(&self, path: &str) -> bool {
        self.get_in(path, "en").await
    }

    /// Does the same in a language.
    pub(crate) async fn get_in(&self, path: &str, language: &str) -> bool {
        let request = Request::get(format!("http://a.example{path}"));
        let request = request.header("accept-language", language);
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let response = self
            .cache
            .clone()
            .oneshot(request)
            .await
            .expect("no request fails");
        let hit = response.headers()["cache-status"]
            .to_str()
            .expect("text")
            .contains("; hit");
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        assert_eq!(body, path.as_bytes());
        // Time stands still, so tasks that are ready run before it goes on.
        sleep(Duration::from_micros(1)).await;
        hit
    }
}

pub(crate) fn two(policy: impl TierPolicy) -> (Rig<Tiered<MemoryStore, Remote>>, Remote) {
    let remote = Remote::new();
    let tiers = Tiered::builder(MemoryStore::new(MEMORY), remote.clone()).policy(policy);
    (
        Rig::new(tiers.build().expect("the settings are right")),
        remote,
    )
}
