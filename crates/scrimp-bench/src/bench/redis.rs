//! Cost of a hit in Redis, beside a GET of a value of the same size by redis-rs alone.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use redis::{Value, aio::MultiplexedConnection, cmd};
use scrimp_cache::{Cache, CacheLayer, Codec, Compression};
use scrimp_redis::{RedisClient, RedisStore};
use tokio::{runtime::Runtime, time::Instant};
use tower::{Layer, ServiceExt, util::BoxCloneService};

use crate::{report::Report, timing};

const BENCH: &str = "redis";

/// Bodies, in bytes.
const SIZES: [usize; 2] = [1 << 10, 64 << 10];

/// Requests of a round, one after the other.
const SEQUENCE: usize = 200;

/// Tasks at once, for the throughput.
const TASKS: usize = 128;

type Origin =
    BoxCloneService<Request<Full<Bytes>>, Response<Full<Bytes>>, std::convert::Infallible>;

/// A way to get the body.
enum Way {
    Get(MultiplexedConnection, String),
    Cache(Cache<Origin, RedisStore>),
}

/// A server for the time of the measurement.
struct Server(Child);

pub(crate) fn run(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("socket");
    let socket = socket.to_str().context("a path in UTF-8")?;
    let _server = Server::start(socket)?;
    let url = format!("unix://{socket}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for size in SIZES {
        let mut ways = runtime.block_on(ways(&url, size))?;
        let mut times = vec![(Vec::new(), Vec::new(), Vec::new()); ways.len()];
        for round in 0..rounds {
            for offset in 0..ways.len() {
                let index = (round + offset) % ways.len();
                let (latency, cpu, crowd) = &mut times[index];
                let way = &mut ways[index].1;
                let (time, spent) = sequence(&runtime, way, size);
                latency.push(time);
                cpu.push(spent);
                crowd.push(together(&runtime, way, size));
            }
        }
        let medians: Vec<_> = times
            .into_iter()
            .map(|(latency, cpu, crowd)| [latency, cpu, crowd].map(median))
            .collect();
        for ((name, _), own) in ways.iter().zip(&medians) {
            let subject = format!("{} KiB, {name}", size >> 10);
            let ratio = |index: usize| own[index] / medians[0][index];
            report.add(BENCH, &subject, "latency", own[0], "µs");
            report.add(BENCH, &subject, "ratio", ratio(0), "");
            report.add(BENCH, &subject, "CPU time", own[1], "µs");
            report.add(BENCH, &subject, "ratio of CPU", ratio(1), "");
            report.add(BENCH, &subject, "128 tasks", 1e6 / own[2], "/s");
            report.add(BENCH, &subject, "ratio of throughput", 1.0 / ratio(2), "");
        }
    }
    Ok(())
}

/// Returns the ways, with their values stored.
async fn ways(url: &str, size: usize) -> anyhow::Result<Vec<(&'static str, Way)>> {
    let body = text(size);
    let client = redis::Client::open(url)?;
    // As a store would have to use it: with a limit of time, and replies by RESP3.
    let mut connection = client.get_multiplexed_async_connection().await?;
    let key = format!("bare:{size}");
    let mut command = cmd("SET");
    command.arg(&key).arg(&body[..]);
    command.query_async::<()>(&mut connection).await?;
    let mut ways = vec![("redis-rs GET", Way::Get(connection, key))];
    for (name, compression) in [
        ("scrimp", Compression::None),
        ("scrimp, compressed", Compression::Fast),
    ] {
        let client = RedisClient::builder([url])
            .command_timeout(Duration::from_secs(5))
            .build()?;
        let store = RedisStore::builder(&client)
            .prefix(format!("bench-{size}-{compression:?}"))
            .codec(Codec::new().compression(compression))
            .build()?;
        let body = body.clone();
        let origin = tower::service_fn(move |_: Request<Full<Bytes>>| {
            let response = Response::builder()
                .header("cache-control", "max-age=3600")
                .header("content-type", "application/json")
                .header("server", "origin")
                .header("vary", "accept-encoding")
                .body(Full::new(body.clone()));
            std::future::ready(Ok(response.expect("the fields are valid")))
        });
        let layer = CacheLayer::new(store.clone());
        let mut way = Way::Cache(layer.layer(BoxCloneService::new(origin)));
        while store.counts().found == 0 {
            way.get(size).await;
        }
        ways.push((name, way));
    }
    Ok(ways)
}

/// Returns JSON of about this size.
fn text(size: usize) -> Bytes {
    let mut text = String::from("[");
    for number in 0.. {
        let line = format!(
            "{{\"id\":{number},\"name\":\"product {:x}\",\"price\":{}.{:02}}},",
            number * 7919 % 10_007,
            number * 31 % 997,
            number % 100,
        );
        if text.len() + line.len() + 1 > size {
            break;
        }
        text.push_str(&line);
    }
    // White space fills the rest.
    text.push_str(&" ".repeat((size - 1).saturating_sub(text.len())));
    text.push(']');
    text.into()
}

/// Returns the microseconds of a request that follows another, and of the CPU of this thread.
fn sequence(runtime: &Runtime, way: &mut Way, size: usize) -> (f64, f64) {
    let (start, cpu) = (Instant::now(), timing::cpu_time());
    runtime.block_on(async {
        for _ in 0..SEQUENCE {
            way.get(size).await;
        }
    });
    let count = SEQUENCE as f64;
    let spent = (timing::cpu_time() - cpu) / 1000.0;
    (start.elapsed().as_secs_f64() * 1e6 / count, spent / count)
}

/// Returns the microseconds per request of many tasks at once.
fn together(runtime: &Runtime, way: &Way, size: usize) -> f64 {
    let start = Instant::now();
    runtime.block_on(async {
        let tasks = (0..TASKS).map(|_| {
            let mut way = way.clone();
            tokio::spawn(async move {
                for _ in 0..4 {
                    way.get(size).await;
                }
            })
        });
        for task in join_all(tasks).await {
            task.expect("a request does not panic");
        }
    });
    start.elapsed().as_secs_f64() * 1e6 / (4 * TASKS) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

// === impl Way ===

impl Way {
    async fn get(&mut self, size: usize) {
        let length = match self {
            Self::Get(connection, key) => {
                let mut command = cmd("GET");
                command.arg(&*key);
                let reply = connection.send_packed_command(&command).await;
                match reply.expect("the server runs") {
                    Value::BulkString(bytes) => Bytes::from(bytes).len(),
                    other => panic!("not a value: {other:?}"),
                }
            }
            Self::Cache(cache) => {
                let request = Request::get("http://origin.example/products?page=1")
                    .header("accept-encoding", "gzip")
                    .body(Full::default())
                    .expect("the request is valid");
                let response = cache.clone().oneshot(request).await;
                let response = response.unwrap_or_else(|error| match error {});
                let body = response.into_body().collect().await.expect("a whole body");
                body.to_bytes().len()
            }
        };
        assert_eq!(length, size);
    }
}

impl Clone for Way {
    fn clone(&self) -> Self {
        match self {
            Self::Get(connection, key) => Self::Get(connection.clone(), key.clone()),
            Self::Cache(cache) => Self::Cache(cache.clone()),
        }
    }
}

// === impl Server ===

impl Server {
    fn start(socket: &str) -> anyhow::Result<Self> {
        let mut server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", socket])
            .stdout(Stdio::piped())
            .spawn()
            .context("redis-server is needed")?;
        let output = server.stdout.take().context("its output")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        ensure!(
            lines.any(|line| line.contains("Ready to accept connections")
                || line.contains("ready to accept connections")),
            "redis-server ended"
        );
        Ok(Self(server))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
