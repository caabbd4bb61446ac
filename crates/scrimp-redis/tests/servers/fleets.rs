//! Sets of servers: a primary that sentinels watch, and a cluster.

use std::{process::Command, sync::Arc, time::Duration};

use scrimp_cache::PutOutcome;
use scrimp_core::{Acquired, FillLock, KeyBuf, RateRule, RateTake, SharedAllowance, SharedRate};
use scrimp_redis::{RedisAllowance, RedisClient, RedisFillLock, RedisRate, RedisStore};
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    allowance::{account, spend, take},
    rig::{Rig, SOON},
    server::Server,
};

/// Time for an election on a busy machine.
pub(crate) const ELECTION: Duration = Duration::from_secs(60);

/// Limits that suit a machine that other tests share.
fn rig(builder: scrimp_redis::RedisClientBuilder) -> Arc<Rig> {
    let builder = builder.command_timeout(Duration::from_secs(1));
    let builder = builder.health_interval(Duration::from_millis(200));
    Arc::new(Rig::over(builder, RedisStore::new))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_the_new_primary_is_used() {
    let Some(mut primary) = Server::start(&[]) else {
        return;
    };
    let port = primary.port.to_string();
    let replica = Server::start(&["--replicaof", "127.0.0.1", &port]);
    let replica = replica.expect("it is installed");
    replica.wait_for("MASTER <-> REPLICA sync: Finished with success");
    let sentinel = Server::sentinel(primary.port).expect("it is installed");
    sentinel.wait_for("+slave");
    let rig = rig(RedisClient::builder([sentinel.url()]).sentinel("main"));
    rig.fill("/before").await;
    assert!(rig.get("/before").await.1);
    primary.kill();
    // The failure is noticed when the connection ends, or by the next request.
    rig.get("/during").await;
    let election = spawn_blocking(move || {
        sentinel.wait_for("+switch-master");
        sentinel
    });
    let _sentinel = timeout(ELECTION, election)
        .await
        .expect("an election")
        .expect("it runs");
    // One request tries the new primary when it answers.
    let used = async {
        while rig.client.stats().unavailable > 0 {
            rig.get("/trial").await;
            tokio::task::yield_now().await;
        }
    };
    timeout(ELECTION, used)
        .await
        .expect("the new primary is used");
    while !matches!(rig.get("/after").await, (_, true)) {
        let put = timeout(SOON, rig.put()).await.expect("an outcome");
        assert_ne!(put, Ok(PutOutcome::Superseded));
    }
}

/// Starts three primaries with one replica each.
pub(crate) fn cluster() -> Option<Vec<Server>> {
    let mut servers = Vec::new();
    for _ in 0..6 {
        let port = loop {
            // The bus has a port 10,000 above.
            let port = crate::server::free_port();
            if port < 55_000 {
                break port;
            }
        };
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        servers.push(Server::start_at(port, &options)?);
    }
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "create"]);
    command.args(
        servers
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port)),
    );
    command.args(["--cluster-replicas", "1", "--cluster-yes"]);
    let output = command
        .output()
        .expect("redis-cli is installed with redis-server");
    assert!(output.status.success(), "{output:?}");
    for server in &servers {
        server.wait_for("Cluster state changed: ok");
    }
    for replica in &servers[3..] {
        replica.wait_for("MASTER <-> REPLICA sync: Finished with success");
    }
    Some(servers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_one_node_that_fails_takes_only_its_own_keys_along() {
    let Some(mut servers) = cluster() else {
        return;
    };
    let urls: Vec<_> = servers.iter().take(2).map(Server::url).collect();
    let rig = rig(RedisClient::builder(urls).cluster());
    let paths: Vec<_> = (0..60).map(|number| format!("/{number}")).collect();
    for path in &paths {
        rig.fill(path).await;
        assert!(rig.get(path).await.1, "{path}");
    }
    assert_eq!(rig.client.stats().endpoints, 3);
    servers[0].kill();
    let mut hits = 0;
    for path in &paths {
        hits += u32::from(rig.get(path).await.1);
    }
    assert!((20..60).contains(&hits), "{hits}");
    let stats = rig.client.stats();
    assert_eq!((stats.degraded, stats.unavailable), (1, 1), "{stats:?}");
    // Its replica takes over.
    let lost = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move {
            while rig.client.stats().unavailable > 0 {
                for number in 0..60 {
                    rig.get(&format!("/{number}")).await;
                }
                tokio::task::yield_now().await;
            }
        }
    });
    timeout(ELECTION, lost)
        .await
        .expect("a new primary")
        .expect("no request fails");
    assert_eq!(rig.client.stats().endpoints, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_work_in_a_cluster_too() {
    let Some(servers) = cluster() else {
        return;
    };
    let service = || {
        let client = RedisClient::builder([servers[0].url()]).cluster();
        let client = client.command_timeout(SOON).build().expect("a client");
        RedisFillLock::new(&client)
    };
    let (one, other) = (service(), service());
    let key = KeyBuf::new().part(b"a").to_key();
    let long = Duration::from_secs(60);
    let Acquired::Held(lease) = one.acquire(key.clone(), long).await.expect("Redis serves") else {
        panic!("it is free");
    };
    let Acquired::Busy(mut over) = other
        .acquire(key.clone(), long)
        .await
        .expect("Redis serves")
    else {
        panic!("it is held");
    };
    let first = lease.fence();
    drop(lease);
    // A new connection wakes those who wait, too.
    let lease = loop {
        timeout(SOON, over).await.expect("it was released");
        match other
            .acquire(key.clone(), long)
            .await
            .expect("Redis serves")
        {
            Acquired::Held(lease) => break lease,
            Acquired::Busy(again) => over = again,
        }
    };
    assert!(lease.fence() > first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_and_rates_work_in_a_cluster_too() {
    let Some(servers) = cluster() else {
        return;
    };
    let client = || {
        let client = RedisClient::builder([servers[0].url()]).cluster();
        client.command_timeout(SOON).build().expect("a client")
    };
    let account = account(1_000);
    let [one, other] = [client(), client()]
        .map(|client| RedisAllowance::builder(&client).build().expect("settings"));
    assert!(take(&one, &account, 1).await);
    one.settle(&account, 1, 1);
    // The first process holds all the rest, and hears that it is needed.
    assert_eq!(spend(&other, &account, 3).await, 333);
    for passes in [true, false] {
        let rate = RedisRate::new(&client(), "upstream");
        let rule = RateRule::new(3_600_000_000_000, 1);
        let taken = match rate.take(b"a", rule, 1, SOON) {
            RateTake::Wait(wait) => wait.await.is_ok(),
            other => panic!("it has to ask: {other:?}"),
        };
        assert_eq!(taken, passes);
    }
}
