//! Tiers in a fleet, whose log of invalidations they share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore, RecordId, SharedLog, Tiered};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tower::{Layer, ServiceExt};

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

#[tokio::test(start_paused = true)]
async fn an_answer_of_memory_that_was_purged_is_no_stale_read_of_the_monitor() {
    let (log, replica) = SharedLog::new(|| {});
    replica.begin(7, RecordId::default());
    replica.set_complete(true);
    for log in [Some(log), None] {
        let remote = Remote {
            log,
            ..Remote::new()
        };
        let tiers = Tiered::builder(MemoryStore::new(MEMORY), remote.clone());
        let tiers = tiers.policy(fixed(Some(60), Some(600))).monitor(1).build();
        let version = Arc::new(AtomicUsize::new(0));
        let layer = CacheLayer::new(tiers.expect("the settings are right"));
        let now = Arc::clone(&version);
        let (service, _) = Scripted::answering(move |_| {
            let body = ScriptedBody::new().data(now.load(SeqCst).to_string());
            let response = Response::builder().header("cache-control", "max-age=3600");
            Reply::respond(response.body(body.sized()).expect("a response"))
        });
        let cache = layer.layer(service);
        let get = async || {
            let request = Request::get("http://a.example/a").body(Full::<Bytes>::default());
            let response = cache.clone().oneshot(request.expect("a request")).await;
            let body = response.expect("no request fails").into_body();
            let body = body.collect().await.expect("a body").to_bytes();
            tokio::time::sleep(Duration::from_millis(1)).await;
            body
        };
        assert_eq!(get().await, "0");
        for round in 1..=20_usize {
            version.store(round, SeqCst);
            layer.invalidator().invalidate(&Invalidation::everything());
            // The look-up finds the old one in memory, and the monitor the new one below.
            assert_eq!(get().await, round.to_string());
        }
        let stats = layer.store().tiers();
        assert_eq!(stats.stale_reads, 0, "{stats:?}");
    }
}
