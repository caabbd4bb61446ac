//! The data of one subject leaves every tier: memory, Redis, files, objects. A scan of the real bytes proves it.

use std::{convert::Infallible, fs, path::Path, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use object_store::local::LocalFileSystem;
use scrimp::{
    cache::{
        CacheLayer, Codec, Compression, EncryptionKeys, Entry, Erasing, Erasure, FillToken,
        Invalidation, Lookup, MemoryBudget, MemoryStore, Placement, PutOutcome, Store,
        TierCandidate, TierPolicy, Tiered,
    },
    core::{BoxError, Key, KeyRef},
    disk::DiskStore,
    object::BucketStore,
    redis::{RedisClient, RedisStore},
};
use scrimp_tests::Daemon;
use tempfile::{TempDir, tempdir};
use tokio::sync::{Mutex, Notify, mpsc};
use tower::{Layer, ServiceExt, service_fn};

/// A text that only the subject's responses have.
const MARKER: &str = "marker-of-anna";

const HOUR: Duration = Duration::from_secs(60 * 60);

type Lower = Tiered<RedisStore, Tiered<DiskStore, BucketStore>>;
type Tiers = Tiered<MemoryStore, Lower>;

/// Keeps everything in all tiers.
#[derive(Debug)]
struct All;

impl TierPolicy for All {
    fn place(&self, _: &TierCandidate<'_>) -> Placement {
        Placement {
            upper: Some(HOUR),
            lower: Some(HOUR),
        }
    }
}

/// A store that tells of each put once it is over.
#[derive(Clone)]
struct Watched(Tiers, mpsc::UnboundedSender<PutOutcome>);

impl Store for Watched {
    type Get = <Tiers as Store>::Get;
    type Put = Pin<Box<dyn Future<Output = Result<PutOutcome, BoxError>> + Send>>;

    fn get(&self, key: KeyRef<'_>) -> Lookup<Self::Get> {
        self.0.get(key)
    }

    fn put(&self, key: Key, entry: Arc<Entry>, token: FillToken) -> Self::Put {
        let (put, told) = (self.0.put(key, entry, token), self.1.clone());
        Box::pin(async move {
            let outcome = put.await?;
            let _ = told.send(outcome);
            Ok(outcome)
        })
    }

    fn remove(&self, key: KeyRef<'_>, which: Option<&Arc<Entry>>) {
        self.0.remove(key, which);
    }

    fn journal(&self) -> Option<Arc<dyn scrimp::cache::Journal>> {
        self.0.journal()
    }

    fn erase(&self, erasure: &Erasure) -> Erasing {
        self.0.erase(erasure)
    }

    fn budget(&self) -> &MemoryBudget {
        self.0.budget()
    }

    fn max_body(&self) -> u64 {
        self.0.max_body()
    }
}

/// A cache over four tiers.
struct Rig {
    memory: MemoryStore,
    redis: Daemon,
    files: TempDir,
    objects: TempDir,
    layer: CacheLayer<Watched>,
    puts: Mutex<mpsc::UnboundedReceiver<PutOutcome>>,
}

impl Rig {
    async fn start(keys: Option<EncryptionKeys>) -> Self {
        let (redis, files, objects) = (Daemon::redis(), tempdir(), tempdir());
        let (files, objects) = (files.expect("a folder"), objects.expect("a folder"));
        let codec = Codec::new().compression(Compression::None);
        let codec = match &keys {
            Some(keys) => codec.encryption(keys.clone()),
            None => codec,
        };
        let client = RedisClient::builder([format!("redis://{}", redis.address)]);
        let client = client
            .command_timeout(Duration::from_secs(10))
            .build()
            .expect("settings");
        let shared = RedisStore::builder(&client)
            .codec(codec.clone())
            .build()
            .expect("settings");
        let disk = DiskStore::builder(files.path().join("cache"), 64 << 20);
        let disk = disk.compression(Compression::None);
        let disk = match keys {
            Some(keys) => disk.encryption(keys),
            None => disk,
        };
        let disk = disk.build().expect("a folder");
        disk.counted().await;
        let local = LocalFileSystem::new_with_prefix(objects.path()).expect("a folder");
        let bucket = BucketStore::builder(Arc::new(local))
            .codec(codec)
            .build()
            .expect("settings");
        let memory = MemoryStore::new(8 << 20);
        let tiers = |upper, lower| {
            Tiered::builder(upper, lower)
                .policy(All)
                .build()
                .expect("settings")
        };
        let lower = Tiered::builder(disk, bucket)
            .policy(All)
            .build()
            .expect("settings");
        let lower = Tiered::builder(shared, lower)
            .policy(All)
            .build()
            .expect("settings");
        let (told, puts) = mpsc::unbounded_channel();
        let layer = CacheLayer::builder(Watched(tiers(memory.clone(), lower), told))
            .store_timeout(Duration::from_secs(10))
            .rule("path=/users/{id}/* tag=user:{id} ttl=1h")
            .build()
            .expect("settings");
        let puts = Mutex::new(puts);
        Self {
            memory,
            redis,
            files,
            objects,
            layer,
            puts,
        }
    }

    /// Fetches a path, and waits until all tiers have it, or none.
    async fn fill(
        &self,
        path: &str,
        language: &str,
        gate: Option<(Arc<Notify>, Arc<Notify>)>,
    ) -> PutOutcome {
        let service = self
            .layer
            .layer(service_fn(move |request: Request<Full<Bytes>>| {
                let gate = gate.clone();
                async move {
                    if let Some((begun, go)) = gate {
                        begun.notify_one();
                        go.notified().await;
                    }
                    let path = request.uri().path();
                    let response = Response::builder()
                        .header("vary", "accept-language")
                        .header("x-for", path.replace('/', "-"))
                        .body(Full::from(format!("this is {path}")));
                    Ok::<_, Infallible>(response.expect("a response"))
                }
            }));
        let request =
            Request::get(format!("http://a.example{path}")).header("accept-language", language);
        let request = request.body(Full::default()).expect("a request");
        let response = service.oneshot(request).await.expect("infallible");
        response.into_body().collect().await.expect("a body");
        self.puts.lock().await.recv().await.expect("a put")
    }

    /// Returns in how many places of each tier a text stands: memory, Redis, files, objects.
    fn scan(&self, text: &str) -> [usize; 4] {
        let has = |bytes: &[u8]| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        let mut memory = 0;
        let in_memory = |entry: &Entry| {
            let fields = entry.headers();
            has(entry.body()) || fields.values().any(|value| has(value.as_bytes()))
        };
        self.memory.count(&mut |entry| {
            memory += usize::from(in_memory(entry));
            true
        });
        let redis = self.values().into_iter().filter(|value| has(value)).count();
        let below = |folder: &Path| {
            contents(folder)
                .into_iter()
                .filter(|bytes| has(bytes))
                .count()
        };
        [
            memory,
            redis,
            below(self.files.path()),
            below(self.objects.path()),
        ]
    }

    /// Returns all keys of Redis with their values, as Redis serialises them.
    fn values(&self) -> Vec<Vec<u8>> {
        let client = redis::Client::open(format!("redis://{}", self.redis.address)).expect("a URL");
        let mut connection = client.get_connection().expect("it runs");
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
            .arg("*")
            .query(&mut connection)
            .expect("keys");
        let dump = |key: &Vec<u8>| {
            let value: Vec<u8> = redis::cmd("DUMP")
                .arg(key)
                .query(&mut connection)
                .expect("a value");
            [key.clone(), value].concat()
        };
        keys.iter().map(dump).collect()
    }
}

/// Returns the contents of all files in a folder and those below, with their names.
fn contents(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => all.extend(contents(&path)),
            false => {
                let name = path.to_string_lossy().into_owned().into_bytes();
                all.push([name, fs::read(&path).expect("a file")].concat());
            }
        }
    }
    all
}

#[tokio::test]
async fn after_an_erasure_no_tier_holds_a_byte_of_the_subject_and_those_of_others_stay() {
    let rig = Rig::start(None).await;
    let orders = format!("/users/{MARKER}/orders");
    for (path, language) in [
        (&*orders, "en"),
        (&orders, "de"),
        (&format!("/users/{MARKER}/profile"), "en"),
        ("/users/bert/orders", "en"),
        ("/users/bert/orders", "de"),
    ] {
        assert_eq!(
            rig.fill(path, language, None).await,
            PutOutcome::Stored,
            "{path}"
        );
    }
    assert_eq!(
        rig.scan(MARKER),
        [3, 2, 2, 2],
        "variants are together below memory"
    );
    assert_eq!(rig.scan("bert"), [2, 1, 1, 1]);

    let gate = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let late_path = format!("/users/{MARKER}/late");
    let erase = async {
        gate.0.notified().await;
        let tag = Invalidation::tag(format!("user:{MARKER}"));
        let erased = rig
            .layer
            .invalidator()
            .erase(&tag)
            .await
            .expect("all tiers can");
        assert_eq!(rig.scan(MARKER), [0; 4]);
        gate.1.notify_one();
        erased
    };
    let (erased, late) = tokio::join!(erase, rig.fill(&late_path, "en", Some(gate.clone())));
    assert_eq!((erased.responses, erased.unreadable), (3 + 2 + 2 + 2, 0));
    assert_eq!(late, PutOutcome::Superseded, "its call began before");
    assert_eq!(rig.scan(MARKER), [0; 4]);
    assert_eq!(rig.scan("bert"), [2, 1, 1, 1]);
}

#[tokio::test]
async fn encrypted_responses_are_erased_one_subject_at_a_time_too() {
    let rig = Rig::start(Some(EncryptionKeys::new(1, [9; 32]))).await;
    for user in ["anna", "bert", "carl"] {
        let path = format!("/users/{user}/orders");
        assert_eq!(
            rig.fill(&path, "en", None).await,
            PutOutcome::Stored,
            "{path}"
        );
    }
    assert_eq!(
        rig.scan("bert"),
        [1, 0, 0, 0],
        "it cannot be read below memory"
    );
    let count = || {
        let objects = contents(rig.objects.path()).len();
        (rig.memory.stats().entries, rig.values().len(), objects)
    };
    let before = count();
    let erased = rig
        .layer
        .invalidator()
        .erase(&Invalidation::tag("user:bert"))
        .await;
    let erased = erased.expect("all tiers can");
    assert_eq!((erased.responses, erased.unreadable), (4, 0));
    assert_eq!(count(), (before.0 - 1, before.1 - 1, before.2 - 1));
}
