//! The log of invalidations of a fleet, and what becomes of it when Redis fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use scrimp_cache::{Cache, CacheLayer, Invalidation, MemoryStore};
use scrimp_redis::{Degradation, RedisClient, RedisLog};
use scrimp_testkit::{ManualClock, Reply, Scripted, ScriptedBody};
use tokio::time::{Instant, timeout};
use tower::{Layer, ServiceExt};

use crate::server::Server;

/// The documented time after which no node uses what was invalidated. The machine may be busy.
const BOUND: Duration = Duration::from_millis(3_500);

/// Time in which something that should take none is over on a busy machine.
const SOON: Duration = Duration::from_secs(10);

const HEAD: &str = "{scrimp:log}:head";
const STREAM: &str = "{scrimp:log}:stream";
const BELL: &str = "{scrimp:log}:bell";

/// Two nodes over one origin with one document.
struct Fleet {
    redis: Server,
    a: Node,
    b: Node,
    document: Arc<AtomicUsize>,
}

struct Node {
    layer: CacheLayer,
    cache: Cache<Scripted>,
    log: RedisLog,
    calls: Arc<AtomicUsize>,
}

impl Fleet {
    async fn start() -> Option<Self> {
        let redis = Server::start(&[])?;
        let document = Arc::new(AtomicUsize::new(0));
        let a = Node::new(&redis, &document, Duration::ZERO);
        // No decision compares the clocks of two nodes.
        let b = Node::new(&redis, &document, Duration::from_secs(15 * 60));
        a.log.caught_up().await;
        b.log.caught_up().await;
        Some(Self {
            redis,
            a,
            b,
            document,
        })
    }

    /// Changes the document, and invalidates it on one node.
    fn change(&self) -> usize {
        let now = self.document.fetch_add(1, Ordering::SeqCst) + 1;
        let tag = Invalidation::tag("document");
        self.a.layer.invalidator().invalidate(&tag);
        now
    }

    /// Requests the document of the other node until it is as new as this. Returns the time for which
    /// it was not.
    async fn age_on_b(&self, wanted: usize) -> Duration {
        let start = Instant::now();
        while self.b.get().await < wanted {
            assert!(start.elapsed() < 2 * BOUND, "an old answer");
            tokio::task::yield_now().await;
        }
        start.elapsed()
    }

    /// Expects that both nodes catch up, and use what they store again.
    async fn recovers(&self) {
        self.a.log.caught_up().await;
        self.b.log.caught_up().await;
        let new = self.change();
        self.a.log.settled().await;
        assert!(self.age_on_b(new).await < BOUND);
        for node in [&self.a, &self.b] {
            // The upstream may have given the answer.
            node.log.reached(self.a.log.stats().position).await;
            node.log.caught_up().await;
            node.get().await;
            let calls = node.calls.load(Ordering::SeqCst);
            assert_eq!(node.get().await, new);
            assert_eq!(node.calls.load(Ordering::SeqCst), calls, "a hit");
        }
    }
}

impl Node {
    fn new(redis: &Server, document: &Arc<AtomicUsize>, skew: Duration) -> Self {
        let client = RedisClient::builder([redis.url()]).build().unwrap();
        let log = RedisLog::builder(&client).build().unwrap();
        let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_790_856_000) + skew;
        let layer = CacheLayer::builder(MemoryStore::new(1 << 20))
            .clock(ManualClock::new(wall).clock())
            .shared_log(log.shared())
            .build()
            .unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let (document, counted) = (document.clone(), calls.clone());
        let (service, _) = Scripted::answering(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let text = document.load(Ordering::SeqCst).to_string();
            let mut response = Response::new(ScriptedBody::new().data(text).sized());
            let fields = response.headers_mut();
            fields.insert("cache-control", "max-age=3600".parse().unwrap());
            fields.insert("cache-tag", "document".parse().unwrap());
            Reply::respond(response)
        });
        Self {
            cache: layer.layer(service),
            layer,
            log,
            calls,
        }
    }

    async fn get(&self) -> usize {
        let request = Request::get("http://origin.example/document");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let response = self.cache.clone().oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        std::str::from_utf8(&body).unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn an_invalidation_is_seen_by_the_other_node_within_milliseconds() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let mut ages = Vec::new();
    for _ in 0..300 {
        fleet.b.get().await;
        let new = fleet.change();
        assert_eq!(fleet.a.get().await, new);
        ages.push(fleet.age_on_b(new).await);
    }
    ages.sort_unstable();
    let (median, p99, all) = (ages[150], ages[297], ages[299]);
    println!("until the other node knows: median {median:?}, p99 {p99:?}, all {all:?}");
    assert!(all < Duration::from_secs(1));
    assert_eq!(fleet.b.log.stats().behind, 0);
}

#[tokio::test]
async fn a_redis_that_is_killed_and_starts_empty_leaves_no_old_answer() {
    let Some(mut fleet) = Fleet::start().await else {
        return;
    };
    fleet.b.get().await;
    fleet.redis.kill();
    // Nothing that was stored is used without Redis, and the writer keeps its invalidation.
    let new = fleet.change();
    assert!(fleet.age_on_b(new).await < BOUND);
    fleet.redis.restart();
    fleet.recovers().await;
    fleet.a.log.settled().await;
}

#[tokio::test]
async fn a_log_that_is_deleted_is_replaced_and_nothing_older_is_used() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    for _ in 0..5 {
        fleet.b.get().await;
        fleet.redis.run(&["FLUSHALL"]);
        let new = fleet.change();
        assert!(fleet.age_on_b(new).await < BOUND);
    }
    // Without any invalidation, a beat says it.
    fleet.b.get().await;
    fleet.document.fetch_add(1, Ordering::SeqCst);
    fleet.redis.run(&["FLUSHALL"]);
    let new = fleet.document.load(Ordering::SeqCst);
    assert!(fleet.age_on_b(new).await < BOUND);
    fleet.recovers().await;
}

#[tokio::test]
async fn a_connection_that_is_killed_between_writes_loses_none_of_them() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    for round in 0..20 {
        fleet.b.get().await;
        let new = fleet.change();
        if round % 2 == 0 {
            for kind in ["normal", "pubsub"] {
                fleet
                    .redis
                    .run(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]);
            }
        }
        assert!(fleet.age_on_b(new).await < BOUND);
    }
    fleet.recovers().await;
    assert!(fleet.b.log.stats().behind > 0);
}

#[tokio::test]
async fn while_redis_is_stopped_no_old_answer_outlives_the_bound() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    fleet.b.get().await;
    fleet.redis.signal("STOP");
    let new = fleet.change();
    let age = fleet.age_on_b(new).await;
    println!("until the other node noticed: {age:?}");
    assert!(age < BOUND);
    assert_eq!(fleet.a.get().await, new);
    fleet.redis.signal("CONT");
    fleet.recovers().await;
}

#[tokio::test]
async fn records_that_are_removed_before_they_are_read_end_the_use_of_what_is_older() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    fleet.b.get().await;
    let new = fleet.document.fetch_add(1, Ordering::SeqCst) + 1;
    // They come without a message, and are gone.
    let script = "redis.call('HINCRBY', KEYS[1], 'at', 3) redis.call('HSET', KEYS[1], 'nonce', '9') \
                  return redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)";
    fleet.redis.run(&["EVAL", script, "2", HEAD, STREAM]);
    assert!(fleet.age_on_b(new).await < BOUND);
    fleet.recovers().await;
}

#[tokio::test]
async fn a_log_that_lost_its_last_records_is_replaced() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    fleet.change();
    fleet.a.log.settled().await;
    fleet.b.log.reached(1).await;
    // As a replica would have it that was promoted before it knew of the record.
    let script =
        "redis.call('DEL', KEYS[2]) return redis.call('HSET', KEYS[1], 'at', 0, 'nonce', 0)";
    fleet.redis.run(&["EVAL", script, "2", HEAD, STREAM]);
    fleet.b.get().await;
    let new = fleet.change();
    assert!(fleet.age_on_b(new).await < BOUND);
    fleet.recovers().await;
    let replaced = |node: &Node| node.log.stats().replaced;
    assert!(replaced(&fleet.a) + replaced(&fleet.b) > 0);
}

#[tokio::test]
async fn a_message_that_is_poisoned_or_cut_off_loses_nothing() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    for junk in ["", "a 1 2", "b x\n", "\u{0}\n\n", "a 1 1 1 2 2\nxx"] {
        fleet.b.get().await;
        fleet.redis.run(&["PUBLISH", BELL, junk]);
        let new = fleet.change();
        assert!(fleet.age_on_b(new).await < BOUND);
    }
    // A record that cannot be read counts as an invalidation of everything.
    fleet.a.log.settled().await;
    fleet.b.get().await;
    let new = fleet.document.fetch_add(1, Ordering::SeqCst) + 1;
    let script = "local at = redis.call('HINCRBY', KEYS[1], 'at', 1) \
                  redis.call('HSET', KEYS[1], 'nonce', '9') \
                  return redis.call('XADD', KEYS[2], at .. '-0', 'n', '9', 'r', 'junk')";
    fleet.redis.run(&["EVAL", script, "2", HEAD, STREAM]);
    assert!(fleet.age_on_b(new).await < BOUND);
    fleet.recovers().await;
}

#[tokio::test]
async fn a_node_that_starts_later_and_one_that_ends_leave_the_others_with_a_beat() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let Fleet {
        redis,
        a,
        b,
        document,
    } = fleet;
    // One of them is the elected one.
    let c = Node::new(&redis, &document, Duration::ZERO);
    c.log.caught_up().await;
    drop(a);
    let fleet = Fleet {
        redis,
        a: c,
        b,
        document,
    };
    fleet.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_memory_refuses_a_record_and_keeps_the_log() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let first = fleet.change();
    fleet.age_on_b(first).await;
    fleet.a.log.settled().await;
    let log = || fleet.redis.run(&["HGET", HEAD, "log"]);
    let before = log();
    fleet
        .redis
        .run(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    fleet.redis.run(&["CONFIG", "SET", "maxmemory", "1"]);
    let second = fleet.change();
    let start = Instant::now();
    while fleet.a.log.stats().append_failures == 0 {
        assert!(log() == before, "the log was replaced");
        assert!(start.elapsed() < 2 * BOUND, "the record was not refused");
        tokio::task::yield_now().await;
    }
    // The others are told besides, one by one and gathered.
    fleet.age_on_b(second).await;
    for _ in 0..3 {
        fleet.age_on_b(fleet.change()).await;
    }
    assert!(fleet.a.log.stats().announced > 1);
    assert!(fleet.b.log.stats().caught_up);
    let last = fleet.change();
    fleet.redis.run(&["CONFIG", "SET", "maxmemory", "0"]);
    fleet.a.log.settled().await;
    fleet.b.log.settled().await;
    assert_eq!(log(), before);
    fleet.age_on_b(last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_failed_is_repeated() {
    let Some(redis) = Server::start(&[]) else {
        return;
    };
    let (changed, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let client = RedisClient::builder([redis.url()])
        .health_interval(Duration::from_millis(200))
        .notify_degraded(move |change| {
            let _ = changed.send(matches!(change, Degradation::Ended { .. }));
        });
    let client = client.build().unwrap();
    client.connected().await;
    redis.run(&["ACL", "SETUSER", "default", "resetchannels"]);
    let _log = RedisLog::builder(&client).build().unwrap();
    let began = timeout(SOON, changes.recv()).await;
    assert_eq!(began.expect("the client reconnects"), Some(false));
    redis.run(&["ACL", "SETUSER", "default", "allchannels"]);
    while changes.recv().await != Some(true) {}
    let numbers = redis.run(&["PUBSUB", "NUMSUB", BELL]);
    assert!(format!("{numbers:?}").contains("int(1)"), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_serves_again_knows_the_scripts() {
    let Some(redis) = Server::start(&[]) else {
        return;
    };
    let (changed, mut changes) = tokio::sync::mpsc::unbounded_channel();
    let client = RedisClient::builder([redis.url()])
        .health_interval(Duration::from_millis(200))
        .notify_degraded(move |change| {
            let _ = changed.send(matches!(change, Degradation::Ended { .. }));
        });
    let client = client.build().unwrap();
    client.connected().await;
    let known = || {
        let put = redis::Script::new(include_str!("../../src/store/put.lua"));
        let append = redis::Script::new(include_str!("../../src/log/append.lua"));
        let known = redis.run(&["SCRIPT", "EXISTS", put.get_hash(), append.get_hash()]);
        format!("{known:?}").matches("int(1)").count()
    };
    assert_eq!(known(), 2);
    redis.run(&["SCRIPT", "FLUSH"]);
    redis.signal("STOP");
    // Its own calls find that the server does not answer.
    let _log = RedisLog::builder(&client).build().unwrap();
    assert_eq!(changes.recv().await, Some(false));
    redis.signal("CONT");
    assert_eq!(changes.recv().await, Some(true));
    assert_eq!(known(), 2);
}
