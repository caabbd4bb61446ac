//! Responses that the store keeps or refuses.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use bytes::Bytes;
use redis::Value;
use scrimp_cache::{Invalidation, PutOutcome};
use scrimp_redis::RedisStore;

use crate::{
    rig::{Rig, patient},
    server::Server,
};

/// Makes other bytes of those that are stored.
type Change = fn(&[u8]) -> Vec<u8>;

/// Returns the only key of a server that begins with a prefix.
fn key(server: &Server) -> String {
    let Value::Array(keys) = server.run(&["KEYS", "scrimp:*"]) else {
        panic!("an array");
    };
    match &keys[..] {
        [Value::BulkString(key)] => String::from_utf8(key.clone()).expect("text"),
        keys => panic!("one key, not {keys:?}"),
    }
}

/// Length of what is in front of the only variant of a key.
const FRONT: usize = 72;

/// Returns the names of the variants under a key, and their bytes.
fn fields(server: &Server, key: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    if server.run(&["TYPE", key]) == Value::SimpleString("string".into()) {
        let all = text(&server.run(&["GET", key]));
        return vec![(all[8..24].to_vec(), all[FRONT..].to_vec())];
    }
    let Value::Array(all) = server.run(&["HGETALL", key]) else {
        panic!("an array");
    };
    let pairs = all
        .chunks_exact(2)
        .map(|pair| (text(&pair[0]), text(&pair[1])));
    pairs.filter(|(name, _)| name != b"m").collect()
}

/// Replaces the bytes of the only variant.
fn replace(server: &Server, key: &str, change: impl Fn(&[u8]) -> Vec<u8>) {
    let Value::BulkString(all) = server.run(&["GET", key]) else {
        panic!("one variant");
    };
    let (front, bytes) = all.split_at(FRONT);
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_connection().expect("it runs");
    let mut command = redis::cmd("SET");
    command.arg(key).arg([front, &change(bytes)].concat());
    let _: Value = command.query(&mut connection).expect("a reply");
}

#[tokio::test]
async fn a_response_is_stored_and_comes_back() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.fill("/a").await;
    assert_eq!(rig.get("/a").await, ("this is /a".into(), true));
    assert_eq!(rig.store.counts().found, 1);
    let Value::Int(left) = server.run(&["PTTL", &key(&server)]) else {
        panic!("a number");
    };
    assert!((50_000..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn bodies_of_every_size_come_back_and_large_ones_are_compressed() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::over(patient(&server.url()), |client| {
        let store = RedisStore::builder(client).max_body(4 << 20);
        store.build().expect("the settings are right")
    });
    let body = |path: &str| {
        let length = path[1..].parse().expect("a length");
        Bytes::from_iter(
            b"all work and no play "
                .iter()
                .copied()
                .cycle()
                .take(length),
        )
    };
    rig.bodies(body);
    for length in [0, 1, 600, 70_000, 3_000_000] {
        let path = format!("/{length}");
        rig.fill(&path).await;
        assert_eq!(rig.get(&path).await, (body(&path), true), "{length}");
        if length >= 600 {
            let stored = fields(&server, &key(&server)).remove(0).1.len();
            assert!(stored < length / 2 + 500, "{length}: {stored}");
        }
        server.run(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn writers_of_several_variants_do_not_lose_each_others() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    let languages: Vec<_> = (0..20).map(|n| format!("x-{n}")).collect();
    let all = languages
        .iter()
        .map(|language| rig.send("/a", language, None));
    futures_util::future::join_all(all).await;
    for _ in &languages {
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    }
    for language in &languages {
        assert!(rig.send("/a", language, None).await.1, "{language}");
    }
}

#[tokio::test]
async fn variants_are_bounded_and_the_newest_stay() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.blind.store(true, Relaxed);
    for number in 0..3200 {
        rig.send("/a", &format!("x-{number}"), None).await;
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    }
    rig.blind.store(false, Relaxed);
    assert_eq!(fields(&server, &key(&server)).len(), 32);
    assert!(rig.send("/a", "x-3199", None).await.1);
    assert!(rig.send("/a", "x-3168", None).await.1);
    assert!(!rig.send("/a", "x-3167", None).await.1);
}

#[tokio::test]
async fn a_put_with_a_lower_fence_is_refused() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    let put = async |language, fence| {
        rig.send("/a", language, fence).await;
        rig.put().await
    };
    assert_eq!(put("en", Some(7)).await, Ok(PutOutcome::Stored));
    assert_eq!(put("de", Some(6)).await, Ok(PutOutcome::Superseded));
    assert_eq!(put("fr", Some(7)).await, Ok(PutOutcome::Stored));
    assert_eq!(put("it", None).await, Ok(PutOutcome::Stored));
    assert_eq!(put("es", Some(1)).await, Ok(PutOutcome::Superseded));
    assert_eq!(rig.store.counts().superseded, 2);
}

#[tokio::test]
async fn a_value_that_was_cut_off_or_changed_is_a_miss_and_is_replaced() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.fill("/a").await;
    let name = key(&server);
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 3].to_vec();
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[40] ^= 1;
        bytes
    };
    let foreign = |_: &[u8]| b"something else".to_vec();
    let changes: [Change; 4] = [cut, flipped, |_| Vec::new(), foreign];
    for (number, change) in changes.into_iter().enumerate() {
        replace(&server, &name, change);
        assert!(!rig.get("/a").await.1);
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
        assert_eq!(rig.store.counts().damaged, number as u64 + 1);
        assert!(rig.get("/a").await.1);
    }
    // The records themselves, and the type of the key.
    let is_replaced = async |commands: &[&[&str]], language| {
        for command in commands {
            server.run(command);
        }
        assert!(!rig.send("/a", language, None).await.1, "{commands:?}");
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored), "{commands:?}");
        assert!(rig.send("/a", language, None).await.1, "{commands:?}");
    };
    for text in ["", "8 bytes.", "none of the forms of this store"] {
        is_replaced(&[&["SET", &name, text]], "en").await;
    }
    is_replaced(&[&["DEL", &name], &["RPUSH", &name, "a list"]], "en").await;
    is_replaced(&[&["HLEN", "none"]], "de").await;
    is_replaced(&[&["HSET", &name, "m", "nonsense"]], "en").await;
    is_replaced(&[&["HLEN", "none"]], "de").await;
    is_replaced(&[&["HDEL", &name, "m"]], "en").await;
}

#[tokio::test]
async fn one_variant_is_a_string_and_several_are_a_hash() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    let kind = |key: &str| match server.run(&["TYPE", key]) {
        Value::SimpleString(kind) => kind,
        other => panic!("{other:?}"),
    };
    rig.fill("/a").await;
    let name = key(&server);
    assert_eq!(kind(&name), "string");
    for language in ["de", "fr"] {
        rig.send("/a", language, None).await;
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    }
    assert_eq!(kind(&name), "hash");
    for language in ["en", "de", "fr"] {
        assert!(rig.send("/a", language, None).await.1, "{language}");
    }
    let Value::Int(left) = server.run(&["PTTL", &name]) else {
        panic!("a number");
    };
    assert!((50_000..=60_000).contains(&left), "{left}");
    // A hash is no longer needed once only one is left.
    server.run(&["DEL", &name]);
    rig.fill("/a").await;
    assert_eq!(kind(&name), "string");
    for _ in 0..2 {
        assert!(rig.get("/a").await.1);
    }
    assert_eq!(rig.store.counts().damaged, 0);
}

#[tokio::test]
async fn a_variant_that_is_removed_leaves_its_fence() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.send("/a", "en", Some(7)).await;
    assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    replace(&server, &key(&server), |_| b"something else".to_vec());
    assert!(!rig.get("/a").await.1);
    assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    rig.send("/a", "de", Some(6)).await;
    assert_eq!(rig.put().await, Ok(PutOutcome::Superseded));
}

#[tokio::test]
async fn a_value_under_another_key_is_a_miss() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.fill("/mine").await;
    let mine = key(&server);
    let copy = fields(&server, &mine);
    server.run(&["RENAME", &mine, "other"]);
    rig.fill("/yours").await;
    replace(&server, &key(&server), |_| copy[0].1.clone());
    assert!(!rig.get("/yours").await.1);
    assert_eq!(rig.store.counts().damaged, 1);
}

#[tokio::test]
async fn what_is_invalidated_is_not_used_and_is_removed() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.fill("/a").await;
    rig.layer
        .invalidator()
        .invalidate(&Invalidation::everything());
    rig.fill("/a").await;
    assert!(rig.get("/a").await.1);
}

#[tokio::test]
async fn a_response_above_the_limit_is_not_stored() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::over(patient(&server.url()), |client| {
        let store = RedisStore::builder(client).max_body(1000);
        store.build().expect("the settings are right")
    });
    rig.bodies(|path| Bytes::from(vec![b'x'; path[1..].parse().expect("a length")]));
    rig.get("/1001").await;
    rig.fill("/1000").await;
    assert!(!rig.get("/1001").await.1 && rig.get("/1000").await.1);
}

#[tokio::test]
async fn stores_of_two_prefixes_do_not_meet() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let one = Rig::start(&server.url());
    let other = Rig::over(patient(&server.url()), |client| {
        let store = RedisStore::builder(client).prefix("other");
        store.build().expect("the settings are right")
    });
    one.fill("/a").await;
    other.fill("/a").await;
    assert!(one.get("/a").await.1 && other.get("/a").await.1);
}

#[tokio::test]
async fn a_value_of_another_version_is_kept_beside_ours() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.fill("/a").await;
    let ours = key(&server);
    let (version, rest) = ours["scrimp:".len()..].split_once(':').expect("a version");
    let (format, codec) = version.split_once('.').expect("two numbers");
    let codec: u16 = codec.parse().expect("a number");
    assert_eq!(codec, scrimp_cache::Codec::VERSION);
    // A later build stores the same response.
    let theirs = format!("scrimp:{format}.{}:{rest}", codec + 1);
    server.run(&["HSET", &theirs, "m", "a form to come"]);
    assert!(rig.get("/a").await.1);
    assert_eq!(rig.store.counts().damaged, 0);
    server.run(&["DEL", &ours]);
    rig.fill("/a").await;
    assert_eq!(server.run(&["EXISTS", &theirs]), Value::Int(1));
}

#[tokio::test]
async fn a_full_server_costs_hits_and_nothing_else() {
    let limits = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(server) = Server::start(&limits) else {
        return;
    };
    let rig = Rig::start(&server.url());
    rig.bodies(|_| {
        std::iter::repeat_with(|| fastrand::u8(..))
            .take(20_000)
            .collect()
    });
    for number in 0..300 {
        rig.fill(&format!("/{number}")).await;
    }
    server.run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let mut refused = 0;
    for number in 300..400 {
        rig.get(&format!("/{number}")).await;
        match rig.put().await {
            Ok(PutOutcome::Rejected) => refused += 1,
            outcome => assert_eq!(outcome, Ok(PutOutcome::Stored)),
        }
    }
    assert!(refused > 0);
    assert_eq!(rig.client.stats().degraded, 0);
}

#[tokio::test]
async fn a_stored_response_is_of_use_for_its_lifetime_and_not_longer() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::over(patient(&server.url()), |client| {
        let store = RedisStore::builder(client).max_lifetime(Duration::from_secs(5));
        store.build().expect("the settings are right")
    });
    rig.fill("/a").await;
    let Value::Int(left) = server.run(&["PTTL", &key(&server)]) else {
        panic!("a number");
    };
    assert!((1..=5000).contains(&left), "{left}");
}

#[tokio::test]
async fn what_one_process_may_not_read_stays_for_the_others() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let one = Rig::start(&server.url());
    let small = Rig::over(patient(&server.url()), |client| {
        let store = RedisStore::builder(client).max_body(5);
        store.build().expect("the settings are right")
    });
    one.fill("/a").await;
    assert!(!small.get("/a").await.1);
    let counts = small.store.counts();
    assert_eq!((counts.damaged, counts.missing), (0, 1), "{counts:?}");
    assert!(one.get("/a").await.1);
}
