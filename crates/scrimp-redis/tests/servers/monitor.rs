//! The sampling of what memory answers, over a tier that another process writes to.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheLayer, MemoryStore, Tiered};
use scrimp_core::{Ledger, extensions::Directive};
use scrimp_redis::{RedisLog, RedisStore};
use scrimp_testkit::{Reply, Scripted, ScriptedBody};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};

use crate::{
    rig::{SOON, patient},
    server::Server,
};

struct Node {
    store: Tiered<MemoryStore, RedisStore>,
    cache: Cache<Scripted, Tiered<MemoryStore, RedisStore>>,
    /// The log ends with its last handle.
    _log: RedisLog,
}

impl Node {
    async fn start(server: &Server, version: &Arc<AtomicU32>) -> Self {
        let client = patient(&server.url()).build().expect("settings");
        let log = RedisLog::builder(&client).build().expect("settings");
        let below = RedisStore::builder(&client).shared_log(log.shared());
        let below = below.build().expect("settings");
        let store = Tiered::builder(MemoryStore::new(1 << 20), below).monitor(1);
        let store = store.build().expect("settings");
        let version = Arc::clone(version);
        let (upstream, _) = Scripted::answering(move |_| {
            let body = ScriptedBody::new().data(version.load(SeqCst).to_string());
            let response = Response::builder().header("cache-control", "max-age=600");
            Reply::respond(response.body(body.sized()).expect("a response"))
        });
        // What costs nothing is not worth a place below.
        let layer = CacheLayer::builder(store.clone()).price("0.01");
        let layer = layer.ledger(Ledger::new());
        log.caught_up().await;
        Self {
            cache: layer.build().expect("settings").layer(upstream),
            store,
            _log: log,
        }
    }

    async fn get(&self, refresh: bool) -> Bytes {
        let request = Request::get("http://a.example/");
        let mut request = request.body(Full::<Bytes>::default()).expect("a request");
        if refresh {
            request.extensions_mut().insert(Directive::RefreshNow);
        }
        let response = self.cache.clone().oneshot(request).await.expect("no error");
        response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes()
    }
}

#[tokio::test]
async fn a_response_that_is_replaced_behind_the_back_of_a_process_is_seen_as_a_stale_read() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let version = Arc::new(AtomicU32::new(1));
    let (one, other) = (
        Node::start(&server, &version).await,
        Node::start(&server, &version).await,
    );
    let compares = async {
        while one.store.tiers().compared == 0 {
            assert_eq!(one.get(false).await, "1");
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, compares).await.expect("it compares");
    assert_eq!(one.store.tiers().stale_reads, 0, "both are the same");
    // The other process writes, and invalidates nothing.
    version.store(2, SeqCst);
    assert_eq!(other.get(true).await, "2");
    let notices = async {
        while one.store.tiers().stale_reads == 0 {
            assert_eq!(
                one.get(false).await,
                "1",
                "no answer of the monitor reaches a caller"
            );
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, notices).await.expect("it notices");
    let stats = one.store.tiers();
    assert!(
        stats.stale_reads < stats.compared && stats.stale_ms < 60_000,
        "{stats:?}"
    );
}
