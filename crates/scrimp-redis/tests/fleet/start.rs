//! A node that begins while another one writes.

use std::time::Duration;

use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use scrimp_redis::{RedisClient, RedisLog};
use tokio::time::timeout;

use crate::server::Server;

/// Shorter than the time after which a node asks because it has heard nothing.
const HEARD: Duration = Duration::from_secs(2);

/// Key of the node that beats.
const ELECTED: &str = "{scrimp:log}:elected";

#[tokio::test]
async fn an_invalidation_between_the_first_read_and_the_subscription_is_not_missed() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = || {
        let client = RedisClient::builder([server.url()]).command_timeout(HEARD);
        client.build().expect("a client")
    };
    let (one, other) = (client(), client());
    let writer = RedisLog::builder(&one).build().expect("a log");
    writer.caught_up().await;
    let layer = CacheLayer::builder(MemoryStore::new(1 << 20));
    let layer = layer.shared_log(writer.shared()).build().expect("a layer");
    // The connection is there: the channel is subscribed to while the log is read.
    other.connected().await;
    for round in 0..200 {
        // Without a beat, only silence would tell of what was missed.
        server.run(&["SET", ELECTED, "none", "PX", "600000"]);
        let reader = RedisLog::builder(&other).build().expect("a log");
        for _ in 0..round % 20 {
            tokio::task::yield_now().await;
        }
        layer.invalidator().invalidate(&Invalidation::tag("a"));
        writer.settled().await;
        let position = writer.stats().position;
        timeout(HEARD, reader.reached(position))
            .await
            .unwrap_or_else(|_| panic!("round {round}: missed {position}: {reader:?}"));
    }
}
