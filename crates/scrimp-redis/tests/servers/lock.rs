//! The lock among processes.

use std::{sync::Arc, time::Duration};

use scrimp_core::{Acquired, FillLock, Key, KeyBuf, Lease};
use scrimp_redis::{RedisClient, RedisFillLock};
use tokio::time::timeout;

use crate::{
    rig::{SOON, patient},
    server::Server,
};

/// Long enough not to expire in a test.
const LONG: Duration = Duration::from_secs(60);

fn key(name: &str) -> Key {
    KeyBuf::new().part(name.as_bytes()).to_key()
}

/// A lock service with a connection of its own, as that of another process.
fn service(server: &Server) -> RedisFillLock {
    let client = patient(&server.url()).build().expect("a client");
    RedisFillLock::new(&client)
}

async fn take(service: &RedisFillLock, name: &str, lease: Duration) -> Acquired {
    service
        .acquire(key(name), lease)
        .await
        .expect("Redis serves")
}

async fn held(service: &RedisFillLock, name: &str, lease: Duration) -> Box<dyn Lease> {
    match take(service, name, lease).await {
        Acquired::Held(lease) => lease,
        Acquired::Busy(_) => panic!("{name} is held"),
    }
}

#[tokio::test]
async fn one_process_holds_a_lock_and_the_others_are_woken_when_it_is_released() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (one, other) = (service(&server), service(&server));
    let lease = held(&one, "a", LONG).await;
    let Acquired::Busy(over) = take(&other, "a", LONG).await else {
        panic!("it is held");
    };
    let Acquired::Busy(too) = take(&one, "a", LONG).await else {
        panic!("it is held");
    };
    drop(held(&other, "b", LONG).await);
    drop(lease);
    timeout(SOON, over).await.expect("it was released");
    timeout(SOON, too).await.expect("it was released");
    held(&other, "a", LONG).await;
}

#[tokio::test]
async fn a_lease_that_expires_is_taken_by_the_next_and_cannot_be_renewed_or_released_then() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (one, other) = (service(&server), service(&server));
    let mut lost = held(&one, "a", Duration::from_millis(30)).await;
    let mut now = loop {
        match take(&other, "a", LONG).await {
            Acquired::Held(lease) => break lease,
            Acquired::Busy(over) => timeout(SOON, over).await.expect("it expires"),
        }
    };
    assert!(now.fence() > lost.fence());
    assert!(lost.renew().await.is_err());
    drop(lost);
    now.renew().await.expect("it is still held");
}

#[tokio::test]
async fn a_lease_that_is_renewed_is_held() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let one = service(&server);
    let mut lease = held(&one, "a", LONG).await;
    server.run(&["PEXPIRE", &lock_key(&server), "5000"]);
    lease.renew().await.expect("it is held");
    let redis::Value::Int(left) = server.run(&["PTTL", &lock_key(&server)]) else {
        panic!("a number");
    };
    assert!(left > 50_000, "{left}");
}

fn lock_key(server: &Server) -> String {
    let redis::Value::Array(keys) = server.run(&["KEYS", "scrimp:lock:*}"]) else {
        panic!("an array");
    };
    match &keys[..] {
        [redis::Value::BulkString(key)] => String::from_utf8(key.clone()).expect("text"),
        keys => panic!("one key, not {keys:?}"),
    }
}

#[tokio::test]
async fn fences_grow_over_all_locks_also_when_redis_has_lost_their_counter() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let one = service(&server);
    let mut last = 0;
    for name in ["a", "b", "a", "c"] {
        let lease = held(&one, &format!("{name}{last}"), LONG).await;
        assert!(lease.fence() > last);
        last = lease.fence();
        if name == "b" {
            server.run(&["FLUSHALL"]);
        }
    }
}

#[tokio::test]
async fn a_lock_without_redis_fails_at_once() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let one = service(&server);
    let lease = held(&one, "a", LONG).await;
    server.kill();
    assert!(one.acquire(key("b"), LONG).await.is_err());
    assert!(one.acquire(key("b"), LONG).await.is_err());
    drop(lease);
}

#[tokio::test]
async fn of_many_processes_one_at_a_time_holds_a_lock() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let holders = Arc::new(tokio::sync::Mutex::new(()));
    let processes = (0..8).map(|_| {
        let (service, holders) = (service(&server), Arc::clone(&holders));
        tokio::spawn(async move {
            for _ in 0..10 {
                loop {
                    match take(&service, "a", LONG).await {
                        Acquired::Held(lease) => {
                            let alone = holders.try_lock().expect("nobody else holds it");
                            tokio::task::yield_now().await;
                            drop(alone);
                            drop(lease);
                            break;
                        }
                        Acquired::Busy(over) => over.await,
                    }
                }
            }
        })
    });
    let ends = futures_util::future::join_all(processes);
    for end in timeout(SOON, ends).await.expect("all are woken") {
        end.expect("no holder but one");
    }
}

#[tokio::test]
async fn a_lock_whose_reply_comes_too_late_is_released() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = RedisClient::builder([server.url()]).command_timeout(Duration::from_millis(50));
    let client = client.build().expect("a client");
    let (one, other) = (RedisFillLock::new(&client), service(&server));
    client.connected().await;
    drop(held(&other, "b", LONG).await);
    server.signal("STOP");
    assert!(one.acquire(key("a"), LONG).await.is_err());
    server.signal("CONT");
    free(&other, "a").await;
}

/// Waits until a lock can be taken, long before its lease ends.
async fn free(service: &RedisFillLock, name: &str) {
    let free = async {
        while let Acquired::Busy(over) = take(service, name, LONG).await {
            over.await;
        }
    };
    timeout(SOON, free).await.expect("it was released");
}
