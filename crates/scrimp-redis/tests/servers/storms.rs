//! Failures under load, over memory and Redis: no request fails, none is answered with what was
//! invalidated longer ago than the bound, and waits are those of one moment.
//!
//! Waits are counted by the limits that they reach, and not by the clock of a machine that others use.

use std::{sync::Arc, time::Duration};

use redis::Value;
use scrimp_redis::{RedisClient, RedisClientBuilder};
use tokio::{
    process::Command,
    task::{block_in_place, spawn_blocking},
    time::timeout,
};

use crate::{
    fleets::{ELECTION, cluster},
    load::{CLIENTS, Load, Sent},
    proxy::Proxy,
    rig::SOON,
    server::Server,
    sharded::{move_slot, shards},
    site::Site,
};

/// Waits of one moment: look-ups of the clients in both tiers, and the writes behind them.
pub(crate) const MOMENT: u64 = 4 * CLIENTS as u64;

pub(crate) fn client(url: &str) -> RedisClientBuilder {
    RedisClient::builder([url])
}

/// Limits that other work on the machine does not reach.
pub(crate) fn patient(builder: RedisClientBuilder) -> RedisClientBuilder {
    builder.command_timeout(Duration::from_secs(2))
}

/// Asserts what holds for the requests of every test.
pub(crate) fn none_waited_long(sent: &Sent) {
    assert!(sent.long <= CLIENTS, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_link_makes_the_requests_of_one_moment_wait_and_later_ones_not() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let link = Proxy::to(server.port).await;
    let clients = [client(&link.url()), patient(client(&server.url()))];
    let site = Site::start(clients, 500).await;
    let load = Load::start(&site);
    site.shares().await;
    let slow = &site.nodes[0];
    slow.forget_changes().await;
    let before = slow.timed_out();
    // Each way; so a command takes five times its limit.
    link.delay(Duration::from_millis(100));
    slow.degraded(true).await;
    site.answers(500).await;
    let (first, outages) = (slow.timed_out(), slow.client.stats().degraded);
    site.answers(40_000).await;
    let later = slow.timed_out();
    println!("{} waits, and {} afterwards", first - before, later - first);
    assert!(first - before <= MOMENT, "{:?}", slow.client);
    // No command tries, and none closes the breaker for the others. A call of the log may be late.
    assert!(later - first <= 3, "{:?}", slow.client);
    assert_eq!(slow.client.stats().degraded, outages, "{:?}", slow.client);
    link.delay(Duration::ZERO);
    slow.degraded(false).await;
    site.shares().await;
    none_waited_long(&load.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_in_the_middle_of_a_value_costs_hits_and_no_answer() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let link = Proxy::to(server.port).await;
    let clients = [link.url(), server.url()].map(|url| patient(client(&url)));
    let site = Site::start(clients, 60_000).await;
    let load = Load::start(&site);
    site.shares().await;
    for round in 0..20 {
        // Most of the bytes of replies are those of values.
        timeout(SOON, link.break_after(20_000 + round * 7_001))
            .await
            .expect("values pass");
        site.answers(20).await;
    }
    let node = &site.nodes[0];
    site.shares().await;
    println!("{:?}, {:?}", node.client, node.store.lower().counts());
    assert!(node.client.stats().connections > 20, "{:?}", node.client);
    assert_eq!(node.store.lower().counts().damaged, 0);
    none_waited_long(&load.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_cost_no_answer_and_open_no_breaker() {
    let Some(servers) = cluster() else {
        return;
    };
    let urls: Vec<_> = servers.iter().take(3).map(Server::url).collect();
    let clients = [(); 2].map(|()| patient(RedisClient::builder(urls.clone()).cluster()));
    let site = Site::start(clients, 500).await;
    let load = Load::start(&site);
    site.shares().await;
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        reshard(&servers[from], &servers[to]).await;
        site.answers(200).await;
    }
    // The slot of the log, whose keys are between two nodes for a moment.
    for _ in 0..5 {
        let holders = shards(&servers);
        let [from] = holders[..] else {
            panic!("one shard: {holders:?}");
        };
        let to = (from + 1) % 3;
        block_in_place(|| move_slot(&servers[from], &servers[to], &servers[..3]));
        while shards(&servers) != [to] {
            site.answers(1).await;
        }
    }
    for node in &site.nodes {
        let stats = node.client.stats();
        println!("{stats:?} {:?}", node.log.stats());
        assert_eq!((stats.degraded, stats.unavailable), (0, 0), "{stats:?}");
    }
    site.shares().await;
    // Without new ones, all invalidations reach all processes.
    site.pause().await;
    none_waited_long(&load.stop().await);
}

/// Moves slots of a primary to another one, as operators do.
async fn reshard(from: &Server, to: &Server) {
    let id = |server: &Server| match server.run(&["CLUSTER", "MYID"]) {
        Value::BulkString(id) => String::from_utf8(id).expect("text"),
        other => panic!("{other:?}"),
    };
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "reshard", &format!("127.0.0.1:{}", from.port)]);
    command.args(["--cluster-from", &id(from), "--cluster-to", &id(to)]);
    command.args(["--cluster-slots", "700", "--cluster-pipeline", "100"]);
    command.arg("--cluster-yes").kill_on_drop(true);
    let output = timeout(ELECTION, command.output()).await.expect("it ends");
    let output = output.expect("redis-cli is installed with redis-server");
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_redis_costs_writes_and_opens_no_breaker() {
    let Some(server) = Server::start(&["--save", "3600 1000000"]) else {
        return;
    };
    let server = Arc::new(server);
    let clients = [(); 2].map(|()| patient(client(&server.url())));
    let site = Site::start(clients, 500).await;
    let load = Load::start(&site);
    site.shares().await;
    // A folder in the place of the file: the server cannot save, as on a full disk.
    let file = server.folder().join("dump.rdb");
    std::fs::create_dir(&file).expect("it has not saved yet");
    save(&server, "Background saving error").await;
    let refused = |node: usize| site.nodes[node].log.stats().append_failures;
    while refused(0) == 0 || refused(1) == 0 {
        site.answers(10).await;
    }
    site.answers(5_000).await;
    std::fs::remove_dir(&file).expect("it is empty");
    save(&server, "Background saving terminated with success").await;
    site.pause().await;
    site.go_on();
    site.shares().await;
    for node in &site.nodes {
        let stats = node.client.stats();
        println!("{stats:?}, {:?}", node.store.tiers());
        assert_eq!((stats.degraded, stats.timed_out), (0, 0), "{stats:?}");
        assert_eq!(
            node.store.tiers().failed,
            0,
            "a refused write is no failure"
        );
    }
    none_waited_long(&load.stop().await);
}

async fn save(server: &Arc<Server>, outcome: &'static str) {
    let server = Arc::clone(server);
    let saved = spawn_blocking(move || {
        server.run(&["BGSAVE"]);
        server.wait_for(outcome);
    });
    let saved = timeout(SOON, saved).await.expect("it saves");
    saved.expect("it runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_halves_of_a_fleet_with_a_primary_each_find_together_again() {
    let Some(first) = Server::start(&[]) else {
        return;
    };
    let between = Proxy::to(first.port).await;
    let port = between.address.port().to_string();
    let second = Server::start(&["--replicaof", "127.0.0.1", &port]).expect("it is installed");
    second.wait_for("MASTER <-> REPLICA sync: Finished with success");
    let ways = [Proxy::to(first.port).await, Proxy::to(first.port).await];
    let [here, there] = [&ways[0], &ways[1]].map(Proxy::url);
    let clients = [&here, &here, &there, &there].map(|url| patient(client(url)));
    let site = Site::start(clients, 500).await;
    let load = Load::start(&site);
    site.shares().await;

    // What is replicated late and then lost is not what this test is about.
    site.pause().await;
    first.run(&["SET", "marker", "1"]);
    while second.run(&["GET", "marker"]) == Value::Nil {
        tokio::task::yield_now().await;
    }
    site.split(&[&[0, 1], &[2, 3]]);
    between.cut();
    second.run(&["REPLICAOF", "NO", "ONE"]);
    ways[1].lead_to(second.port);
    site.go_on();
    site.answers(10_000).await;

    // The clients of the first one are led to the second one, whose replica it becomes.
    let connections = |node: usize| site.nodes[node].client.stats().connections;
    let before = [0, 1].map(connections);
    ways[0].lead_to(second.port);
    let port = second.port.to_string();
    first.run(&["REPLICAOF", "127.0.0.1", &port]);
    while [0, 1]
        .map(connections)
        .iter()
        .zip(before)
        .any(|(now, before)| *now == before)
    {
        site.answers(1).await;
    }
    for node in &site.nodes {
        timeout(SOON, node.log.caught_up())
            .await
            .expect("it catches up");
    }
    site.join();
    site.answers(20_000).await;
    site.pause().await;
    site.go_on();
    let replaced = site.nodes.iter().map(|node| node.log.stats().replaced);
    assert!(replaced.sum::<u64>() > 0, "the two logs differ");
    site.shares().await;
    println!("{} calls of the upstream", site.calls());
    none_waited_long(&load.stop().await);
}
