//! The time until a store is warm after a restart.

use std::{path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::{BodyExt, Full};
use scrimp_cache::{
    Cache, CacheLayer, Entry, FillToken, Journal, Lookup, MemoryBudget, PutOutcome, Store,
};
use scrimp_core::{BoxError, Key, KeyRef};
use scrimp_disk::DiskStore;
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tokio::{sync::mpsc, time::Instant};
use tower::{Layer, ServiceExt};

/// Size of a body.
const BODY: usize = 16 << 10;

/// Look-ups that have to find their response within a second.
const LOOKUPS: u64 = 1_000;

/// Requests at the same time.
const CALLERS: usize = 32;

fn body(path: &str) -> Bytes {
    let mut random = fastrand::Rng::with_seed(path[1..].parse().expect("a number"));
    std::iter::repeat_with(|| random.u64(..).to_le_bytes())
        .take(BODY / 8)
        .flatten()
        .collect()
}

/// A store that tells of each put once it is over.
#[derive(Clone)]
struct Watched {
    inner: DiskStore,
    puts: mpsc::UnboundedSender<bool>,
}

impl Store for Watched {
    type Get = <DiskStore as Store>::Get;
    type Put = Pin<Box<dyn Future<Output = Result<PutOutcome, BoxError>> + Send>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.inner.get(key)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let (put, puts) = (self.inner.put(key, entry, token), self.puts.clone());
        Box::pin(async move {
            let outcome = put.await;
            let _ = puts.send(matches!(outcome, Ok(PutOutcome::Stored)));
            outcome
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.inner.remove(key, which);
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.inner.journal()
    }

    fn budget(&self) -> &MemoryBudget {
        self.inner.budget()
    }

    fn max_body(&self) -> u64 {
        self.inner.max_body()
    }
}

struct Node {
    store: DiskStore,
    cache: Cache<Scripted, Watched>,
    puts: mpsc::UnboundedReceiver<bool>,
}

impl Node {
    fn open(folder: &PathBuf, limit: u64) -> Self {
        let builder = DiskStore::builder(folder, limit).flush_invalidations(false);
        let store = builder.build().expect("a store");
        let (sender, puts) = mpsc::unbounded_channel();
        let layer = CacheLayer::builder(Watched {
            inner: store.clone(),
            puts: sender,
        });
        // A disk may be slow; what counts here is the sum.
        let layer = layer.store_timeout(Duration::from_secs(10)).build();
        let layer = layer.expect("the settings are right");
        let (service, _) = Scripted::answering(|parts| {
            let body = ScriptedBody::new().data(body(parts.uri.path()));
            let response = http::Response::builder().header("cache-control", "max-age=86400");
            Reply::respond(response.body(body.sized()).expect("a response"))
        });
        Self {
            store,
            cache: layer.layer(service),
            puts,
        }
    }
}

/// Returns the body of the response to a path, and whether it was stored.
async fn get(cache: &Cache<Scripted, Watched>, path: &str) -> (Bytes, bool) {
    let request = Request::get(format!("http://a.example{path}"));
    let request = request.body(Full::<Bytes>::default()).expect("a request");
    let response = cache.clone().oneshot(request).await;
    let response = response.expect("no request fails");
    let said = response.headers()["cache-status"].to_str().expect("text");
    let hit = said.contains("; hit");
    let body = response.into_body().collect().await.expect("a body");
    (body.to_bytes(), hit)
}

/// Stores as many responses as there is room for in so many bytes.
async fn fill(folder: &PathBuf, bytes: u64) {
    let number = bytes / BODY as u64;
    let mut inside = std::fs::read_dir(folder).expect("a folder");
    assert!(inside.next().is_none(), "{} is not empty", folder.display());
    let mut first = Node::open(folder, 2 * bytes);
    first.store.counted().await;
    let start = Instant::now();
    let (cache, mut stored) = (&first.cache, 0);
    let mut fills = stream::iter(0..number)
        .map(|n| async move { get(cache, &format!("/{n}")).await })
        .buffer_unordered(CALLERS);
    let mut asked = 0;
    while fills.next().await.is_some() {
        asked += 1;
        if asked > CALLERS as u64 {
            stored += u64::from(first.puts.recv().await.expect("a put"));
        }
    }
    drop(fills);
    for _ in 0..number.min(CALLERS as u64) {
        stored += u64::from(first.puts.recv().await.expect("a put"));
    }
    assert_eq!(stored, number);
    println!("{number} responses were stored in {:?}", start.elapsed());
}

/// `SCRIMP_DISK_BYTES` is the size of the bodies, 100 MiB by default; with it, the time has a limit, which
/// a machine that does other things too cannot promise. `SCRIMP_DISK_FOLDER` is an empty folder on the disk to
/// measure; with `SCRIMP_DISK_AGAIN`, it holds what an earlier run has left. With `SCRIMP_DISK_COLD`, the memory of
/// the operating system is emptied first, which only an administrator may do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_warm_at_once_after_a_restart() {
    let bytes = std::env::var("SCRIMP_DISK_BYTES").ok();
    let is_timed = bytes.is_some();
    let bytes: u64 = bytes.map_or(100 << 20, |bytes| bytes.parse().expect("a number"));
    let number = bytes / BODY as u64;
    let own = tempfile::tempdir().expect("a folder");
    let folder = std::env::var_os("SCRIMP_DISK_FOLDER");
    let folder = folder.map_or(own.path().to_owned(), PathBuf::from);
    if std::env::var_os("SCRIMP_DISK_AGAIN").is_none() {
        fill(&folder, bytes).await;
    }
    if std::env::var_os("SCRIMP_DISK_COLD").is_some() {
        std::fs::write("/proc/sys/vm/drop_caches", "3").expect("an administrator");
    }

    let start = Instant::now();
    let second = Node::open(&folder, 2 * bytes);
    let opened = start.elapsed();
    let cache = &second.cache;
    let answers: Vec<_> = stream::iter(0..LOOKUPS)
        .map(|_| async {
            let path = format!("/{}", fastrand::u64(..number));
            (get(cache, &path).await, path)
        })
        .buffer_unordered(CALLERS)
        .collect()
        .await;
    let warm = start.elapsed();
    second.store.counted().await;
    println!(
        "opened in {opened:?}; {LOOKUPS} look-ups found their response within {warm:?}; all files \
         counted after {:?}",
        start.elapsed()
    );
    for ((answer, hit), path) in answers {
        assert!(hit && answer == body(&path), "{path}: {hit}");
    }
    assert!(!is_timed || warm <= Duration::from_secs(1), "{warm:?}");
}
