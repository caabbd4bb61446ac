//! The store across restarts, with damaged files and full disks.

mod broken;
mod restart;
#[cfg(unix)]
mod secrets;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, request::Parts};
use http_body_util::{BodyExt, Full};
use scrimp::cache::{Cache, CacheLayer, Codec};
use scrimp_testkit::{Reply, Scripted, ScriptedBody, Subject, Upstream, contract};
use tempfile::TempDir;
use tower::{Layer, ServiceExt};

use crate::store::DiskStore;

fn subject() -> Subject {
    Subject::new(|| {
        // Each layer has its own folder, which is not deleted while files are being written.
        let folder = TempDir::new().expect("a folder").keep();
        CacheLayer::new(DiskStore::open(&folder, 1 << 20, Codec::new()).expect("a store"))
    })
    .stores()
}

contract!(subject());

/// A cache on disk, and the upstream behind it.
struct Rig {
    layer: CacheLayer<DiskStore>,
    cache: Cache<Scripted, DiskStore>,
    upstream: Upstream,
}

/// Body of a response, and whether it came from store.
#[derive(Debug, PartialEq, Eq)]
struct Answer(String, bool);

/// Returns the upstream's response to a path; the path is its tag.
fn answer(parts: &Parts) -> Reply {
    let path = parts.uri.path();
    let body = ScriptedBody::new().data(format!("this is {path}"));
    let response = http::Response::builder()
        .header("cache-control", "max-age=60, stale-while-revalidate=60")
        .header("cache-tag", path.trim_start_matches('/'))
        .header("vary", "accept-language");
    Reply::respond(response.body(body.sized()).expect("a response"))
}

impl Rig {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, 1 << 20, Codec::new())
    }

    fn start_with(folder: &Path, max_bytes: u64, codec: Codec) -> Self {
        Self::over(folder, max_bytes, codec, answer)
    }

    fn over(
        folder: &Path,
        max_bytes: u64,
        codec: Codec,
        answer: impl Fn(&Parts) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let store = DiskStore::open(folder, max_bytes, codec).expect("a store");
        let layer = CacheLayer::new(store);
        let (service, upstream) = Scripted::answering(answer);
        Self {
            cache: layer.layer(service),
            layer,
            upstream,
        }
    }

    async fn send(&self, method: &str, path: &str, language: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://a.example{path}"))
            .header("accept-language", language)
            .body(Full::<Bytes>::default())
            .expect("a request");
        let response = self
            .cache
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let said = response.headers()["cache-status"].to_str().expect("text");
        let hit = said.contains("; hit");
        let body = response.into_body().collect().await.expect("a body");
        let body = String::from_utf8(body.to_bytes().to_vec()).expect("text");
        // Time stands still while threads work: after this sleep, they have finished.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        Answer(body, hit)
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "en").await
    }
}

fn fresh(path: &str) -> Answer {
    Answer(format!("this is {path}"), false)
}

fn stored(path: &str) -> Answer {
    Answer(format!("this is {path}"), true)
}

/// Returns the files with responses.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = all.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_none() && !file.ends_with("journal"));
    files.sort();
    files
}
