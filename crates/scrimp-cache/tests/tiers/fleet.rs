//! Tiers in a fleet, whose log of invalidations they share.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use scrimp_cache::{Invalidation, MemoryStore, RecordId, SharedLog, Tiered};
use tower::ServiceExt;

use crate::rig::{MEMORY, Remote, Rig, fixed};

#[tokio::test(start_paused = true)]
async fn a_response_that_was_hit_leaves_memory_though_nothing_is_below() {
    let (log, replica) = SharedLog::new(|| {});
    replica.begin(7, RecordId::default());
    replica.set_complete(true);
    let remote = Remote {
        log: Some(log),
        ..Remote::new()
    };
    let tiers = Tiered::builder(MemoryStore::new(MEMORY), remote.clone());
    let tiers = tiers.policy(fixed(Some(60), Some(600))).build();
    let rig = Rig::new(tiers.expect("the settings are right"));
    assert!(!rig.get("/a").await && rig.get("/a").await);
    assert_eq!(rig.store.upper().stats().entries, 1);
    remote.state.lost.store(true, SeqCst);
    let invalidator = rig.layer.invalidator();
    invalidator.invalidate(&Invalidation::everything());
    let request = Request::get("http://a.example/a")
        .header("accept-language", "en")
        .header("cache-control", "only-if-cached")
        .body(Full::<Bytes>::default())
        .expect("a request");
    let response = rig.cache.clone().oneshot(request).await;
    let status = response.expect("no request fails").status();
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    tokio::time::sleep(Duration::from_micros(1)).await;
    assert_eq!(rig.store.upper().stats().entries, 0);
    assert_eq!(remote.state.gets.load(SeqCst), 2, "it was looked for");
}
