//! The store below memory.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore, Tiered};
use scrimp_disk::DiskStore;
use scrimp_testkit::{Scripted, Upstream};
use tempfile::tempdir;
use tower::{Layer, ServiceExt};

use crate::rig::{answer, builder};

type Tiers = Tiered<MemoryStore, DiskStore>;

struct Node {
    layer: CacheLayer<Tiers>,
    service: scrimp_cache::Cache<Scripted, Tiers>,
    upstream: Upstream,
}

impl Node {
    async fn start(folder: &std::path::Path) -> Self {
        let disk = builder(folder).build().expect("a store");
        disk.counted().await;
        let store = Tiered::new(MemoryStore::new(1 << 20), disk);
        let layer = CacheLayer::new(store);
        let (service, upstream) = Scripted::answering(answer);
        Self {
            service: layer.layer(service),
            layer,
            upstream,
        }
    }

    async fn get(&self, path: &str) -> bool {
        let request = Request::get(format!("http://a.example{path}"));
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let response = self.service.clone().oneshot(request).await;
        let response = response.expect("no request fails");
        let said = response.headers()["cache-status"].to_str().expect("text");
        let hit = said.contains("; hit");
        let body = response.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), format!("this is {path}"));
        tokio::time::sleep(Duration::from_millis(1)).await;
        hit
    }

    fn tiers(&self) -> scrimp_cache::TierStats {
        self.layer.store().tiers()
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_memory_fills_from_the_disk_and_invalidations_hold_in_both() {
    let folder = tempdir().expect("a folder");
    let first = Node::start(folder.path()).await;
    for path in ["/a", "/b"] {
        assert!(!first.get(path).await);
    }
    assert_eq!(first.layer.store().lower().counts().found, 0);
    drop(first);
    let second = Node::start(folder.path()).await;
    for path in ["/a", "/b", "/a", "/b"] {
        assert!(second.get(path).await, "{path}");
    }
    assert_eq!(second.upstream.calls(), 0);
    assert_eq!((second.tiers().lower, second.tiers().upper), (2, 2));
    let gone = Invalidation::tag("a");
    second.layer.invalidator().invalidate(&gone);
    assert!(!second.get("/a").await && second.get("/a").await);
    second.layer.invalidator().invalidate(&gone);
    drop(second);
    let third = Node::start(folder.path()).await;
    assert!(!third.get("/a").await, "it was invalidated");
    assert!(third.get("/b").await);
    assert_eq!(third.tiers().failed, 0);
}
