//! Servers that have lost the scripts.

use std::{sync::Arc, time::Duration};

use redis::{Script, Value};
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore, PutOutcome};
use scrimp_core::{Acquired, FillLock, KeyBuf};
use scrimp_redis::{Degradation, RedisClient, RedisFillLock, RedisLog, RedisStore};
use tokio::time::timeout;

use crate::{
    rig::{Rig, SOON, patient},
    server::Server,
};

/// Scripts that no test of this file runs before it asks for them.
const UNUSED: [&str; 3] = [
    include_str!("../../src/log/append.lua"),
    include_str!("../../src/lock/acquire.lua"),
    include_str!("../../src/store/piece.lua"),
];

/// Returns how many of these scripts a server knows.
fn known(server: &Server) -> usize {
    let scripts = UNUSED.map(Script::new);
    let mut command = vec!["SCRIPT", "EXISTS"];
    command.extend(scripts.iter().map(Script::get_hash));
    let Value::Array(known) = server.run(&command) else {
        panic!("an array");
    };
    known.iter().filter(|one| **one == Value::Int(1)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_again_is_told_the_scripts_before_it_is_used() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let builder = RedisClient::builder([server.url()]).health_interval(Duration::from_millis(200));
    let rig = Arc::new(Rig::over(builder, RedisStore::new));
    rig.client.connected().await;
    assert_eq!(known(&server), UNUSED.len());
    server.kill();
    rig.get("/during").await;
    let change = timeout(SOON, rig.change()).await.expect("it is noticed");
    assert!(matches!(change, Degradation::Began { .. }));
    server.restart();
    assert_eq!(known(&server), 0);
    timeout(SOON, rig.recovered())
        .await
        .expect("it serves again");
    assert_eq!(known(&server), UNUSED.len());
}

#[tokio::test]
async fn scripts_that_are_flushed_are_sent_again() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let flush = || server.run(&["SCRIPT", "FLUSH"]);
    let rig = Rig::start(&server.url());
    rig.client.connected().await;
    flush();
    rig.fill("/a").await;
    rig.send("/a", "de", None).await;
    assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    for _ in 0..2 {
        flush();
        assert!(rig.get("/a").await.1);
    }
    let lock = RedisFillLock::new(&rig.client);
    let key = KeyBuf::new().part(b"a").to_key();
    flush();
    let long = Duration::from_secs(60);
    let held = lock.acquire(key.clone(), long).await;
    let Ok(Acquired::Held(mut lease)) = held else {
        panic!("it is free");
    };
    flush();
    lease.renew().await.expect("it is held");
    let Ok(Acquired::Busy(over)) = lock.acquire(key.clone(), long).await else {
        panic!("it is held");
    };
    flush();
    drop(lease);
    timeout(SOON, over).await.expect("it is released");
    let client = patient(&server.url()).build().expect("a client");
    let log = RedisLog::builder(&client).build().expect("a log");
    log.caught_up().await;
    let layer = CacheLayer::builder(MemoryStore::new(1 << 20));
    let layer = layer.shared_log(log.shared()).build().expect("a layer");
    flush();
    layer.invalidator().invalidate(&Invalidation::everything());
    timeout(SOON, log.settled()).await.expect("it is appended");
    assert_eq!((rig.client.stats().degraded, log.stats().position), (0, 1));
}
