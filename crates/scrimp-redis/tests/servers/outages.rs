//! Servers that end, stand still, forget or evict under load, over memory and Redis. Clients check
//! every response, as in `storms`.

use std::{cell::RefCell, sync::Arc};

use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    fleets::ELECTION,
    load::{CLIENTS, Load},
    proxy::Proxy,
    rig::SOON,
    server::Server,
    site::{Node, Site},
    storms::{MOMENT, client, none_waited_long, patient},
};

/// Runs clients against a server that `fail` stops and `mend` starts again.
async fn outage(site: &Arc<Site>, fail: impl FnOnce(), mend: impl FnOnce()) {
    let load = Load::start(site);
    site.shares().await;
    let waits = || site.nodes.iter().map(Node::timed_out).sum::<u64>();
    for node in &site.nodes {
        node.forget_changes().await;
    }
    let before = waits();
    fail();
    for node in &site.nodes {
        node.degraded(true).await;
    }
    site.answers(200).await;
    let first = waits();
    site.answers(5_000).await;
    let later = waits();
    println!("{} waits, and {} afterwards", first - before, later - first);
    // Those of a moment in each process; and the log, which goes on to ask for a while.
    let all = MOMENT * site.nodes.len() as u64;
    assert!(first - before <= all && later - first <= all / 2);
    mend();
    for node in &site.nodes {
        node.degraded(false).await;
    }
    recovers(site).await;
    none_waited_long(&load.stop().await);
}

/// Expects that all processes use Redis again, and hear of each other's invalidations.
async fn recovers(site: &Site) {
    for node in &site.nodes {
        let caught_up = timeout(SOON, node.log.caught_up());
        caught_up.await.expect("it catches up");
    }
    site.pause().await;
    site.go_on();
    site.shares().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_starts_empty_costs_no_answer() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let clients = [(); 2].map(|()| patient(client(&server.url())));
    let site = Site::start(clients, 500).await;
    let server = RefCell::new(server);
    let fail = || server.borrow_mut().kill();
    outage(&site, fail, || server.borrow_mut().restart()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_costs_the_waits_of_a_moment() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let clients = [(); 2].map(|()| client(&server.url()));
    let site = Site::start(clients, 500).await;
    outage(&site, || server.signal("STOP"), || server.signal("CONT")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_link_is_cut_answers_nothing_that_another_one_has_invalidated() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let link = Proxy::to(server.port).await;
    let clients = [link.url(), server.url()].map(|url| patient(client(&url)));
    let site = Site::start(clients, 500).await;
    let load = Load::start(&site);
    site.shares().await;
    link.cut();
    site.nodes[0].degraded(true).await;
    // The other one goes on to invalidate.
    let position = site.nodes[1].log.stats().position;
    site.answers(10_000).await;
    assert!(site.nodes[1].log.stats().position > position);
    assert_eq!(site.nodes[1].client.stats().degraded, 0);
    link.mend();
    site.nodes[0].degraded(false).await;
    recovers(&site).await;
    none_waited_long(&load.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_flushed_or_evicts_even_the_log_costs_hits_and_no_answer() {
    let limits = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random"];
    let Some(server) = Server::start(&limits) else {
        return;
    };
    let clients = [(); 2].map(|()| patient(client(&server.url())));
    // All documents together do not fit.
    let site = Site::start(clients, 30_000).await;
    let load = Load::start(&site);
    for _ in 0..5 {
        site.answers(500).await;
        server.run(&["FLUSHALL"]);
    }
    site.answers(2_000).await;
    let stats = format!("{:?}", server.run(&["INFO", "stats"]));
    assert!(!stats.contains("evicted_keys:0\\r"), "{stats}");
    for node in &site.nodes {
        assert_eq!(node.client.stats().degraded, 0, "{:?}", node.client);
    }
    server.run(&["CONFIG", "SET", "maxmemory", "0"]);
    recovers(&site).await;
    none_waited_long(&load.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_under_load_costs_no_answer() {
    let Some(mut primary) = Server::start(&[]) else {
        return;
    };
    let port = primary.port.to_string();
    let replica = Server::start(&["--replicaof", "127.0.0.1", &port]).expect("it is installed");
    replica.wait_for("MASTER <-> REPLICA sync: Finished with success");
    let sentinel = Server::sentinel(primary.port).expect("it is installed");
    sentinel.wait_for("+slave");
    let clients = [(); 2].map(|()| patient(client(&sentinel.url()).sentinel("main")));
    let site = Site::start(clients, 500).await;
    let load = Load::start(&site);
    site.shares().await;
    primary.kill();
    for node in &site.nodes {
        node.degraded(true).await;
    }
    let election = spawn_blocking(move || {
        sentinel.wait_for("+switch-master");
        sentinel
    });
    let elected = timeout(ELECTION, election).await.expect("an election");
    let _sentinel = elected.expect("it runs");
    for node in &site.nodes {
        node.degraded(false).await;
    }
    recovers(&site).await;
    let sent = load.stop().await;
    assert!(sent.requests > CLIENTS);
    none_waited_long(&sent);
}
