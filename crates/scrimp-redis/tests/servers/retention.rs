//! Bytes that are older than the retention, and those of a subject that is erased.

use std::time::Duration;

use redis::Value;
use scrimp_cache::{Invalidation, PutOutcome};
use scrimp_redis::RedisStore;

use crate::{
    rig::{Rig, patient},
    server::Server,
};

/// Bytes before the first record.
const HEAD: usize = 8;

/// Bytes of a record; in it, those before the times of storing and of expiry.
const RECORD: usize = 64;
const TIMES: usize = 40;

fn rig(server: &Server, retention: Duration) -> Rig {
    Rig::with(patient(&server.url()), RedisStore::new, |layer| {
        layer.rule("ttl=1h").retention(retention)
    })
}

/// Returns the names of all keys of responses.
fn keys(server: &Server) -> Vec<String> {
    let Value::Array(keys) = server.run(&["KEYS", "scrimp:*"]) else {
        panic!("an array");
    };
    let name = |key: Value| match key {
        Value::BulkString(key) => String::from_utf8(key).expect("text"),
        other => panic!("{other:?}"),
    };
    keys.into_iter().map(name).collect()
}

/// Runs a command with an argument of bytes at its end.
fn set(server: &Server, command: &[&str], bytes: &[u8]) {
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_connection().expect("it runs");
    let mut whole = redis::cmd(command[0]);
    let _: Value = whole
        .arg(&command[1..])
        .arg(bytes)
        .query(&mut connection)
        .expect("a reply");
}

/// Returns the bytes of a reply.
fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// Puts the time of storing (0) or of expiry (1) of a record back by an hour and a half, as if that had gone
/// by since.
fn age(records: &mut [u8], record: usize, which: usize) {
    let at = HEAD + RECORD * record + TIMES + 8 * which;
    let time = records[at..at + 8].try_into().expect("eight bytes");
    let earlier = f64::from_be_bytes(time) - 5_400_000.0;
    records[at..at + 8].copy_from_slice(&earlier.to_be_bytes());
}

#[tokio::test]
async fn redis_removes_a_response_by_itself_after_the_retention() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = rig(&server, Duration::from_secs(30));
    for (path, most) in [("/a", 30_000), ("/validated", 90_000)] {
        rig.fill(path).await;
        let Value::Int(left) = server.run(&["PTTL", &keys(&server)[0]]) else {
            panic!("a number");
        };
        assert!((most - 20_000..=most).contains(&left), "{path}: {left}");
        server.run(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn a_sweep_removes_variants_whose_time_is_over_and_leaves_the_others() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = rig(&server, Duration::from_secs(3600));
    for language in ["en", "de", "fr"] {
        rig.send("/a", language, None).await;
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    }
    assert_eq!(rig.layer.sweep().await.expect("it runs").responses, 0);
    let key = keys(&server).remove(0);
    let mut records = bytes(server.run(&["HGET", &key, "m"]));
    // The newest comes first. One is over by its own time, and one by a retention that was longer once.
    age(&mut records, 2, 1);
    age(&mut records, 1, 0);
    set(&server, &["HSET", &key, "m"], &records);
    assert_eq!(rig.layer.sweep().await.expect("it runs").responses, 2);
    assert_eq!(
        server.run(&["HLEN", &key]),
        Value::Int(2),
        "the records too"
    );
    assert!(rig.send("/a", "fr", None).await.1);
    for language in ["en", "de"] {
        assert!(!rig.send("/a", language, None).await.1, "{language}");
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    }
    assert_eq!(rig.layer.sweep().await.expect("it runs").responses, 0);
    assert_eq!(rig.store.counts().damaged, 0);
}

#[tokio::test]
async fn a_sweep_removes_the_bytes_of_a_key_with_one_variant_and_leaves_what_is_not_ours() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = rig(&server, Duration::from_secs(3600));
    rig.fill("/a").await;
    let key = keys(&server).remove(0);
    let mut value = bytes(server.run(&["GET", &key]));
    age(&mut value, 0, 0);
    set(&server, &["SET", &key], &value);
    // Other keys of the prefix, some of which look like a response of ours.
    let digits = "0123456789abcdef".repeat(2);
    let list = format!("{}{digits}", &key[..key.len() - digits.len()]);
    let old = format!("scrimp:1.1:{digits}");
    server.run(&["RPUSH", &list, "x"]);
    server.run(&["SET", &old, "of an older version"]);
    server.run(&["SET", "scrimp:else", "x"]);
    assert_eq!(rig.layer.sweep().await.expect("it runs").responses, 1);
    assert_eq!(server.run(&["STRLEN", &key]), Value::Int(HEAD as i64));
    assert!(!rig.get("/a").await.1);
    assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    for other in [&list, &old, "scrimp:else"] {
        assert_eq!(server.run(&["EXISTS", other]), Value::Int(1), "{other}");
    }
}

#[tokio::test]
async fn an_erasure_deletes_what_is_selected_and_what_cannot_be_read_of_every_version() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let rig = Rig::with(patient(&server.url()), RedisStore::new, |layer| {
        layer.rule("path=/{user}/* tag=user:{user}")
    });
    for (path, language) in [
        ("/anna/a", "en"),
        ("/anna/a", "de"),
        ("/anna/b", "en"),
        ("/bert/a", "en"),
    ] {
        rig.send(path, language, None).await;
        assert_eq!(rig.put().await, Ok(PutOutcome::Stored));
    }
    let digits = "0123456789abcdef".repeat(2);
    server.run(&[
        "SET",
        &format!("scrimp:1.1:{digits}"),
        "of an older version",
    ]);
    server.run(&["SET", "scrimp:else", "x"]);
    let erase = || async {
        let tag = Invalidation::tag("user:anna");
        let erased = rig.layer.invalidator().erase(&tag).await;
        let erased = erased.expect("it runs");
        (erased.responses, erased.unreadable)
    };
    assert_eq!(erase().await, (2, 1));
    assert_eq!(erase().await, (0, 0));
    assert_eq!(
        keys(&server).len(),
        2,
        "the other user, and what is no response"
    );
    assert!(rig.get("/bert/a").await.1);
    // One that another process has encrypted may be selected.
    #[cfg(feature = "encryption")]
    {
        let keys = scrimp_cache::EncryptionKeys::new(1, [7; 32]);
        let codec = scrimp_cache::Codec::new().encryption(keys);
        let other = Rig::over(patient(&server.url()), |client| {
            let store = RedisStore::builder(client).codec(codec);
            store.build().expect("the settings are right")
        });
        other.fill("/carl/a").await;
        assert_eq!(erase().await, (0, 1));
    }
}
