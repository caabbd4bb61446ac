//! Responses that two processes store for each other.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Invalidation, LogReplica, PutOutcome, RecordId, SharedLog};
use scrimp_redis::{RedisFillLock, RedisStore};
use scrimp_stampede::StampedeLayer;
use tower::{Layer, ServiceExt};

use crate::{
    rig::{Rig, patient},
    server::Server,
};

/// Two processes, and the log between them, which the test passes on.
struct Fleet {
    nodes: [(Rig, LogReplica); 2],
    position: u64,
}

// === impl Fleet ===

impl Fleet {
    fn start(server: &Server) -> Self {
        let node = || {
            let (log, replica) = SharedLog::new(|| ());
            replica.begin(7, RecordId::default());
            replica.set_complete(true);
            let rig = Rig::over(patient(&server.url()), |client| {
                let store = RedisStore::builder(client).shared_log(&log);
                store.build().expect("the settings are right")
            });
            (rig, replica)
        };
        Self {
            nodes: [node(), node()],
            position: 0,
        }
    }

    fn node(&self, index: usize) -> &Rig {
        &self.nodes[index].0
    }

    /// Delivers what waits on a node to both.
    fn deliver(&mut self, from: usize) {
        while let Some(record) = self.nodes[from].1.take() {
            self.position += 1;
            let id = RecordId {
                at: self.position,
                nonce: 0,
            };
            for (index, (_, replica)) in self.nodes.iter().enumerate() {
                let own = (index == from).then_some(record.through);
                let applied = replica.apply(id, &record.bytes, own);
                applied.expect("a record of this build");
            }
        }
    }
}

#[tokio::test]
async fn a_response_that_one_process_stores_answers_the_other() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let fleet = Fleet::start(&server);
    fleet.node(0).fill("/a").await;
    assert_eq!(fleet.node(1).get("/a").await, ("this is /a".into(), true));
    assert_eq!(fleet.node(1).upstream.calls(), 0);
}

#[tokio::test]
async fn what_one_process_invalidates_is_not_used_by_the_other() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mut fleet = Fleet::start(&server);
    fleet.node(0).fill("/a").await;
    assert!(fleet.node(1).get("/a").await.1);
    let invalidator = fleet.node(0).layer.invalidator();
    invalidator.invalidate(&Invalidation::everything());
    fleet.deliver(0);
    // The old response is still in Redis, and neither takes it.
    assert!(!fleet.node(1).get("/a").await.1);
    assert_eq!(fleet.node(1).put().await, Ok(PutOutcome::Stored));
    assert_eq!(fleet.node(1).store.counts().outdated, 1);
    assert!(fleet.node(0).get("/a").await.1);
}

#[tokio::test]
async fn a_process_that_may_miss_invalidations_uses_nothing_until_it_has_caught_up() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let fleet = Fleet::start(&server);
    fleet.node(0).fill("/a").await;
    fleet.nodes[1].1.set_complete(false);
    assert!(!fleet.node(1).get("/a").await.1);
    fleet.nodes[1].1.set_complete(true);
    assert!(fleet.node(1).get("/a").await.1);
}

#[tokio::test]
async fn of_all_processes_one_fills_a_cold_key() {
    const KEYS: usize = 20;
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let fleet = Fleet::start(&server);
    let layers = fleet.nodes.each_ref().map(|(rig, _)| {
        let lock = RedisFillLock::new(&rig.client);
        let layer = StampedeLayer::builder().lock(lock, Duration::from_secs(10));
        layer.build().expect("the settings are right")
    });
    for (rig, _) in &fleet.nodes {
        rig.client.connected().await;
    }
    let ask = async |node: usize, key: usize| {
        let service = layers[node].layer(fleet.node(node).cache());
        let request = Request::get(format!("http://a.example/{key}"));
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let response = service.oneshot(request).await.expect("no request fails");
        let body = response.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), format!("this is /{key}"));
    };
    // Each process gets ten requests for each key, all at once.
    let all = (0..20 * KEYS).map(|number| ask(number % 2, number / 2 % KEYS));
    join_all(all).await;
    let calls: usize = fleet
        .nodes
        .iter()
        .map(|(rig, _)| rig.upstream.calls())
        .sum();
    // On a machine that is too busy, the lock may not answer in time; then it is not waited for.
    let failures: u64 = layers.iter().map(|layer| layer.stats().lock_failures).sum();
    let stats = fleet.nodes.each_ref().map(|(rig, _)| rig.layer.stats());
    println!("{calls} calls, {failures} failures of locks, {stats:?}");
    assert!(
        calls >= KEYS && calls as u64 <= KEYS as u64 + failures,
        "{calls}, {failures}"
    );
}
