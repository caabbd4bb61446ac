//! CPU time of Redis for the delivery of an invalidation to the nodes of a fleet.

use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use scrimp_cache::{CacheLayer, Invalidation, MemoryStore};
use scrimp_redis::{RedisClient, RedisLog};
use tokio::time::{Instant, sleep};

use super::server::{self, Server};
use crate::{report::Report, timing};

const BENCH: &str = "deliveries";

/// Nodes, each with a connection of its own.
const NODES: [usize; 3] = [10, 100, 1000];

/// Invalidations that one node makes at once.
const BURSTS: [usize; 2] = [1, 20];

/// Time of measuring what beats cost.
const IDLE: Duration = Duration::from_secs(10);

/// Nodes over one log.
struct Fleet {
    logs: Vec<RedisLog>,
    /// The layer of the first one.
    layer: CacheLayer,
    connection: MultiplexedConnection,
}

pub(crate) fn run(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for nodes in NODES {
        let (_server, url) = Server::on_port()?;
        runtime.block_on(async {
            let mut fleet = Fleet::start(&url, nodes).await?;
            let idle = fleet.idle().await?;
            report.add(
                BENCH,
                format!("{nodes} nodes"),
                "CPU of beats",
                idle * 1e6,
                "µs/s",
            );
            for burst in BURSTS {
                fleet.measure(burst, rounds, idle, report).await?;
            }
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

// === impl Fleet ===

impl Fleet {
    async fn start(url: &str, nodes: usize) -> anyhow::Result<Self> {
        let mut logs = Vec::with_capacity(nodes);
        for _ in 0..nodes {
            let client = RedisClient::builder([url])
                .command_timeout(Duration::from_secs(5))
                .connect_timeout(Duration::from_secs(10))
                .build()?;
            let log = RedisLog::builder(&client).build()?;
            log.caught_up().await;
            logs.push(log);
        }
        let layer = CacheLayer::builder(MemoryStore::new(1 << 20))
            .shared_log(logs[0].shared())
            .build()?;
        let client = redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection().await?;
        Ok(Self {
            logs,
            layer,
            connection,
        })
    }

    /// Returns the CPU time of Redis in a second without invalidations.
    async fn idle(&mut self) -> anyhow::Result<f64> {
        let (start, before) = (Instant::now(), self.cpu_time().await?);
        sleep(IDLE).await;
        Ok((self.cpu_time().await? - before) / start.elapsed().as_secs_f64())
    }

    async fn cpu_time(&mut self) -> anyhow::Result<f64> {
        server::cpu_time(&mut self.connection).await
    }

    async fn measure(
        &mut self,
        burst: usize,
        rounds: usize,
        idle: f64,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (start, before) = (Instant::now(), self.cpu_time().await?);
        let messages = server::calls(&mut self.connection, "publish").await?;
        let mut times = Vec::with_capacity(rounds);
        for round in 0..rounds {
            let begun = Instant::now();
            for number in 0..burst {
                let tag = Invalidation::tag(format!("product:{round}:{number}"));
                self.layer.invalidator().invalidate(&tag);
            }
            self.delivered().await;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let seconds = start.elapsed().as_secs_f64();
        let spent = self.cpu_time().await? - before - idle * seconds;
        let messages = server::calls(&mut self.connection, "publish").await? - messages;
        let made = (rounds * burst) as f64;
        let nodes = self.logs.len();
        let subject = match burst {
            1 => format!("{nodes} nodes, one by one"),
            _ => format!("{nodes} nodes, bursts of {burst}"),
        };
        // Beats are a message each second.
        let records = (messages as f64 - seconds).max(0.0);
        report.add(
            BENCH,
            &subject,
            "CPU per invalidation",
            spent / made * 1e6,
            "µs",
        );
        let delivery = spent / made / nodes as f64 * 1e6;
        report.add(BENCH, &subject, "CPU per delivery", delivery, "µs");
        report.add(
            BENCH,
            &subject,
            "messages per invalidation",
            records / made,
            "",
        );
        report.add(
            BENCH,
            &subject,
            "until all know",
            timing::median(times),
            "ms",
        );
        Ok(())
    }

    /// Waits until all nodes have what the first one has invalidated.
    async fn delivered(&self) {
        self.logs[0].settled().await;
        let position = self.logs[0].stats().position;
        join_all(self.logs.iter().map(|log| log.reached(position))).await;
    }
}
