//! A cache on disk, and the upstream behind it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheLayer, Store};
use scrimp_disk::{DiskStore, DiskStoreBuilder};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Upstream};
use tower::{Layer, ServiceExt};

/// Limit of a store, in bytes.
pub(crate) const LIMIT: u64 = 64 << 20;

/// A cache on disk.
pub(crate) struct Rig {
    pub(crate) store: DiskStore,
    pub(crate) layer: CacheLayer<DiskStore>,
    cache: Cache<Scripted, DiskStore>,
    pub(crate) upstream: Upstream,
}

/// Body of a response, and whether it came from store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) Bytes, pub(crate) bool);

/// Returns the upstream's response to a path, with this body; the path is its tag.
pub(crate) fn respond(parts: &Parts, body: impl Into<Bytes>) -> Reply {
    let body = ScriptedBody::new().data(body.into());
    let response = http::Response::builder()
        .header("cache-control", "max-age=60, stale-while-revalidate=60")
        .header("cache-tag", parts.uri.path().trim_start_matches('/'))
        .header("vary", "accept-language");
    Reply::respond(response.body(body.sized()).expect("a response"))
}

/// Returns the upstream's response to a path, which names the path.
pub(crate) fn answer(parts: &Parts) -> Reply {
    respond(parts, format!("this is {}", parts.uri.path()))
}

/// Returns a layer that waits for a busy machine.
pub(crate) fn patient(store: &DiskStore) -> CacheLayer<DiskStore> {
    let layer = CacheLayer::builder(store.clone()).store_timeout(Duration::from_secs(10));
    layer.build().expect("the settings are right")
}

/// Sends a request to a cache.
pub(crate) async fn ask(
    cache: Cache<Scripted, DiskStore>,
    method: &str,
    path: &str,
    language: &str,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://a.example{path}"))
        .header("accept-language", language)
        .body(Full::<Bytes>::default())
        .expect("a request");
    let response = cache.oneshot(request).await.expect("no request fails");
    let said = response.headers()["cache-status"].to_str().expect("text");
    let hit = said.contains("; hit");
    let body = response.into_body().collect().await.expect("a body");
    Answer(body.to_bytes(), hit)
}

pub(crate) fn builder(folder: &Path) -> DiskStoreBuilder {
    DiskStore::builder(folder, LIMIT)
}

impl Rig {
    pub(crate) async fn start(folder: &Path) -> Self {
        Self::over(builder(folder), answer).await
    }

    /// Opens a store, and waits until its files are counted.
    pub(crate) async fn over(
        builder: DiskStoreBuilder,
        answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let store = builder.build().expect("a store");
        store.counted().await;
        let layer = patient(&store);
        Self::with(store, layer, answer)
    }

    pub(crate) fn with(
        store: DiskStore,
        layer: CacheLayer<DiskStore>,
        answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (service, upstream) = Scripted::answering(answer);
        Self {
            cache: layer.layer(service),
            store,
            layer,
            upstream,
        }
    }

    /// Sends a request, and waits until what comes of it is stored: the clock is paused, so it goes on
    /// when the threads have finished.
    pub(crate) async fn send(&self, method: &str, path: &str, language: &str) -> Answer {
        let answer = self.ask(method, path, language).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        answer
    }

    /// Sends a request.
    pub(crate) async fn ask(&self, method: &str, path: &str, language: &str) -> Answer {
        ask(self.cache(), method, path, language).await
    }

    /// Returns the service.
    pub(crate) fn cache(&self) -> Cache<Scripted, DiskStore> {
        self.cache.clone()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "en").await
    }

    /// Returns the bytes that the store says it has.
    pub(crate) fn bytes(&self) -> u64 {
        Store::stats(&self.store).bytes
    }
}

pub(crate) fn fresh(path: &str) -> Answer {
    Answer(format!("this is {path}").into(), false)
}

pub(crate) fn stored(path: &str) -> Answer {
    Answer(format!("this is {path}").into(), true)
}

/// Returns the files with responses.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| {
        let all = fs::read_dir(folder).expect("a folder");
        all.map(|file| file.expect("a file").path())
            .collect::<Vec<_>>()
    };
    let shelves = list(folder).into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.len() == 2
    });
    let mut files: Vec<_> = shelves.flat_map(|shelf| list(&shelf)).collect();
    files.sort();
    files
}

/// Returns the number of files that are being written.
pub(crate) fn unfinished(folder: &Path) -> usize {
    fs::read_dir(folder.join("new")).expect("a folder").count()
}
