//! The bell of a log in a cluster: only the shard that holds the log rings it.

use std::time::Duration;

use redis::Value;
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use scrimp_redis::{RedisClient, RedisLog};
use tokio::time::{Instant, timeout};

use crate::{
    fleets::{ELECTION, cluster},
    rig::SOON,
    server::Server,
};

const BELL: &str = "{scrimp:log}:bell";

/// Processes of a fleet over one log.
struct Fleet {
    logs: Vec<RedisLog>,
    layer: CacheLayer,
}

// === impl Fleet ===

impl Fleet {
    async fn start(servers: &[Server]) -> Self {
        // Each knows several, as one of them is killed.
        let urls: Vec<_> = servers.iter().take(3).map(Server::url).collect();
        let node = |_| {
            let client = RedisClient::builder(urls.clone()).cluster();
            let client = client.command_timeout(Duration::from_secs(1));
            let client = client.health_interval(Duration::from_millis(200));
            let client = client.build().expect("a client");
            RedisLog::builder(&client).build().expect("a log")
        };
        let logs: Vec<_> = (0..3).map(node).collect();
        for log in &logs {
            timeout(SOON, log.caught_up()).await.expect("Redis serves");
        }
        let layer = CacheLayer::builder(MemoryStore::new(1 << 20));
        let layer = layer.shared_log(logs[0].shared()).build();
        let layer = layer.expect("a layer");
        Self { logs, layer }
    }

    /// Invalidates something, and waits until all know. Returns the time it took.
    async fn invalidate(&self) -> Duration {
        let start = Instant::now();
        self.layer.invalidator().invalidate(&Invalidation::tag("a"));
        self.logs[0].settled().await;
        let position = self.logs[0].stats().position;
        for log in &self.logs {
            log.reached(position).await;
        }
        start.elapsed()
    }
}

/// Returns the number of clients that listen to the bell at each server: to the sharded channel, and
/// to one that all nodes would pass on.
fn listeners(server: &Server) -> (i64, i64) {
    let number = |command| match server.run(&["PUBSUB", command, BELL]) {
        Value::Array(parts) => match parts[..] {
            [_, Value::Int(number)] => number,
            _ => panic!("a number"),
        },
        other => panic!("{other:?}"),
    };
    (number("SHARDNUMSUB"), number("NUMSUB"))
}

/// Returns the indices of the servers at which someone listens.
pub(crate) fn shards(servers: &[Server]) -> Vec<usize> {
    let all = servers.iter().map(listeners).enumerate();
    all.filter(|(_, (sharded, plain))| {
        assert_eq!(*plain, 0);
        *sharded > 0
    })
    .map(|(index, _)| index)
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_the_bell_is_heard_through_one_shard_and_after_a_failover_too() {
    let Some(mut servers) = cluster() else {
        return;
    };
    let fleet = Fleet::start(&servers).await;
    let shard = shards(&servers);
    let [holder] = shard[..] else {
        panic!("one shard: {shard:?}");
    };
    assert_eq!(listeners(&servers[holder]), (3, 0));
    for _ in 0..20 {
        timeout(SOON, fleet.invalidate()).await.expect("all know");
    }
    let before: Vec<_> = fleet.logs.iter().map(|log| log.stats().reads).collect();
    for _ in 0..20 {
        timeout(SOON, fleet.invalidate()).await.expect("all know");
    }
    let after: Vec<_> = fleet.logs.iter().map(|log| log.stats().reads).collect();
    assert_eq!(before, after, "they knew by the bell alone");
    servers[holder].kill();
    servers.remove(holder);
    timeout(ELECTION, fleet.invalidate())
        .await
        .expect("all know after the failover");
    // The bell is heard again, at the new primary.
    let heard = async {
        loop {
            let before: Vec<_> = fleet.logs.iter().map(|log| log.stats().reads).collect();
            fleet.invalidate().await;
            let after: Vec<_> = fleet.logs.iter().map(|log| log.stats().reads).collect();
            if before == after && shards(&servers).len() == 1 {
                return;
            }
        }
    };
    timeout(ELECTION, heard).await.expect("the bell is heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bell_follows_its_slot_to_another_node() {
    let Some(servers) = cluster() else {
        return;
    };
    let fleet = Fleet::start(&servers).await;
    let shard = shards(&servers);
    let [holder] = shard[..] else {
        panic!("one shard: {shard:?}");
    };
    timeout(SOON, fleet.invalidate()).await.expect("all know");
    let taker = (0..3).find(|&index| index != holder).expect("three");
    move_slot(&servers[holder], &servers[taker], &servers[..3]);
    let moved = async {
        while shards(&servers) != [taker] || listeners(&servers[taker]).0 != 3 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, moved)
        .await
        .expect("all listen at the new node");
    let reads: Vec<_> = fleet.logs.iter().map(|log| log.stats().reads).collect();
    timeout(SOON, fleet.invalidate()).await.expect("all know");
    let after: Vec<_> = fleet.logs.iter().map(|log| log.stats().reads).collect();
    assert_eq!(reads, after, "they knew by the bell alone");
}

/// Moves the slot of the log, as redis-cli does when it reshards.
pub(crate) fn move_slot(from: &Server, to: &Server, primaries: &[Server]) {
    let text = |value: Value| match value {
        Value::BulkString(text) => String::from_utf8(text).expect("text"),
        Value::Int(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let slot = text(from.run(&["CLUSTER", "KEYSLOT", BELL]));
    let [source, target] = [from, to].map(|server| text(server.run(&["CLUSTER", "MYID"])));
    to.run(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source]);
    from.run(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target]);
    let port = to.port.to_string();
    while let Value::Array(keys) = from.run(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"])
        && !keys.is_empty()
    {
        for key in keys.into_iter().map(text) {
            from.run(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
        }
    }
    for server in [to, from].into_iter().chain(primaries) {
        server.run(&["CLUSTER", "SETSLOT", &slot, "NODE", &target]);
    }
}
