//! The store below memory.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use object_store::{ObjectStore, memory::InMemory};
use scrimp_cache::{CacheLayer, MemoryStore, PutOutcome, SharedLog, Tiered};
use scrimp_object::BucketStore;
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tower::{Layer, ServiceExt};

use crate::rig::watched;

/// Checks that memory fills from an object store, and that what is found there is promoted.
pub(crate) async fn check(objects: Arc<dyn ObjectStore>) {
    // Two processes, of which the second is started later; nothing is invalidated.
    let mut calls = 0;
    for process in [1, 2] {
        let (log, replica) = SharedLog::new(|| {});
        replica.begin(7, scrimp_cache::RecordId::default());
        replica.set_complete(true);
        let bucket = BucketStore::builder(Arc::clone(&objects))
            .shared_log(&log)
            .build();
        let (bucket, mut puts) = watched(bucket.expect("the settings are right"));
        let store = Tiered::builder(MemoryStore::new(1 << 20), bucket)
            .hard_timeout(Duration::from_secs(5))
            .build()
            .expect("the settings are right");
        let layer = CacheLayer::builder(store)
            .store_timeout(Duration::from_secs(5))
            .build();
        let layer = layer.expect("the settings are right");
        let (service, upstream) = Scripted::answering(|parts| {
            let body = ScriptedBody::new().data(parts.uri.path().to_owned());
            let response = http::Response::builder().header("cache-control", "max-age=60");
            Reply::respond(response.body(body.sized()).expect("a response"))
        });
        let cache = layer.layer(service);
        for round in 0..2 {
            for path in ["/a", "/b"] {
                let request = Request::get(format!("http://a.example{path}"));
                let request = request.body(Full::<Bytes>::default()).expect("a request");
                let response = cache
                    .clone()
                    .oneshot(request)
                    .await
                    .expect("no request fails");
                let body = response.into_body().collect().await.expect("a body");
                assert_eq!(body.to_bytes(), path, "{process}, {round}");
            }
        }
        calls += upstream.calls();
        let tiers = layer.store().tiers();
        match process {
            1 => assert_eq!((tiers.missing, tiers.upper), (2, 2), "{tiers:?}"),
            _ => assert_eq!((tiers.lower, tiers.upper), (2, 2), "{tiers:?}"),
        }
        assert_eq!((tiers.failed, tiers.dropped), (0, 0));
        // The writes below end before the next process begins.
        for _ in 0..upstream.calls() {
            assert_eq!(puts.recv().await.expect("a put"), Ok(PutOutcome::Stored));
        }
    }
    assert_eq!(calls, 2);
}

#[tokio::test]
async fn memory_fills_from_objects_that_another_process_has_stored() {
    check(Arc::new(InMemory::new())).await;
}
