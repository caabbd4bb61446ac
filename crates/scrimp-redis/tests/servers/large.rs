//! Responses that take a command longer than its time-out.

use std::time::Duration;

use bytes::Bytes;
use redis::Value;
use scrimp_cache::PutOutcome;
use scrimp_redis::{RedisClient, RedisStore};

use crate::{
    proxy::Proxy,
    rig::{Rig, patient},
    server::Server,
};

/// Bytes that no compression makes shorter, different for each path.
fn noise(path: &str, length: usize) -> Bytes {
    let seed = path.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte));
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..))
        .take(length)
        .collect()
}

/// Returns the number of calls of a command.
fn calls(server: &Server, command: &str) -> u64 {
    let Value::BulkString(text) = server.run(&["INFO", "commandstats"]) else {
        panic!("a text");
    };
    let text = String::from_utf8(text).expect("text");
    let name = format!("cmdstat_{command}:calls=");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |line| {
        let number = line.split(',').next().expect("a number");
        number.parse().expect("a number")
    })
}

#[tokio::test]
async fn large_variants_come_back_in_pieces() {
    const LENGTH: usize = 700_000;
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.bodies(|path| noise(path, LENGTH));
    rig.fill("/a").await;
    let before = calls(&server, "evalsha");
    assert!(rig.get("/a").await == (noise("/a", LENGTH), true));
    // The first 128 KiB come with the first command.
    assert_eq!(calls(&server, "evalsha") - before, 5);
    for language in ["de", "fr"] {
        rig.send("/a", language, None).await;
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    }
    for language in ["en", "de", "fr"] {
        let found = rig.send("/a", language, None).await;
        assert!(found == (noise("/a", LENGTH), true), "{language}");
    }
    assert_eq!(rig.store.counts().damaged, 0);
}

#[tokio::test]
async fn a_response_that_takes_longer_than_a_command_may_is_no_failure_of_the_server() {
    /// A second for the whole of a response.
    const LENGTH: usize = 4_000_000;
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let link = Proxy::slow(server.port, 40_000, Duration::from_millis(10)).await;
    let limit = Duration::from_millis(400);
    let builder = RedisClient::builder([link.url()]).command_timeout(limit);
    let rig = Rig::over(builder, |client| {
        let store = RedisStore::builder(client).max_body(LENGTH as u64);
        store.build().expect("the settings are right")
    });
    rig.client.connected().await;
    rig.bodies(|path| noise(path, LENGTH));
    rig.fill("/a").await;
    let start = tokio::time::Instant::now();
    assert!(rig.get("/a").await == (noise("/a", LENGTH), true));
    assert!(start.elapsed() > limit, "{:?}", start.elapsed());
    let stats = rig.client.stats();
    assert_eq!((stats.degraded, stats.timed_out), (0, 0), "{stats:?}");
}

#[tokio::test]
async fn a_large_variant_that_was_cut_off_is_damaged_and_one_that_is_too_large_is_not() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.bodies(|path| noise(path, 700_000));
    rig.fill("/a").await;
    let Value::Array(keys) = server.run(&["KEYS", "scrimp:*"]) else {
        panic!("an array");
    };
    let [Value::BulkString(key)] = &keys[..] else {
        panic!("one key");
    };
    let key = std::str::from_utf8(key).expect("text");
    let cut = "redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, 300000), 'KEEPTTL')";
    server.run(&["EVAL", cut, "1", key]);
    assert!(!rig.get("/a").await.1);
    assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    assert_eq!(rig.store.counts().damaged, 1);
    assert!(rig.get("/a").await.1);
    let small = Rig::over(patient(&server.url()), |client| {
        let store = RedisStore::builder(client).max_body(1000);
        store.build().expect("the settings are right")
    });
    assert!(!small.get("/a").await.1);
    assert_eq!(small.store.counts().damaged, 0);
}

#[tokio::test]
async fn a_piece_of_what_was_replaced_meanwhile_is_not_read() {
    const PIECE: &str = include_str!("../../src/store/piece.lua");
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let record = |name: &str, stamp: &str| format!("{name:n<16}writer..{stamp:s<8}{:-<32}", "");
    let one = |stamp| format!("fence...{}bytes of it", record("one", stamp));
    let read = |stamp: &str| {
        let stamp = format!("{stamp:s<8}");
        let name = format!("{:n<16}", "one");
        server.run(&["EVAL", PIECE, "1", "key", &name, &stamp, "6", "7"])
    };
    server.run(&["SET", "key", &one("first")]);
    assert_eq!(read("first"), Value::BulkString(b"of".into()));
    server.run(&["SET", "key", &one("other")]);
    assert_eq!(read("first"), Value::Nil);
    server.run(&["DEL", "key"]);
    assert_eq!(read("first"), Value::Nil);
    let records = format!("fence...{}{}", record("two", "x"), record("one", "first"));
    let name = format!("{:n<16}", "one");
    server.run(&["HSET", "key", "m", &records, &name, "bytes of it"]);
    assert_eq!(read("first"), Value::BulkString(b"of".into()));
    assert_eq!(read("other"), Value::Nil);
}
