//! Cost of a hit in Redis, beside a GET of a value of the same size by redis-rs alone.

pub(in crate::bench) mod counted;
pub(crate) mod deliveries;
mod server;
mod way;

use std::sync::atomic::Ordering::Relaxed;

use anyhow::{Context, ensure};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::{runtime::Runtime, time::Instant};

use crate::{report::Report, timing};
use server::Server;
use way::Way;

const BENCH: &str = "redis";

/// Bodies, in bytes.
const SIZES: [usize; 3] = [1 << 10, 16 << 10, 64 << 10];

/// Requests of a round, one after the other.
const SEQUENCE: usize = 200;

/// Tasks at once, for the throughput.
const TASKS: usize = 128;

/// Requests of each of them.
const REPEATED: usize = 4;

pub(crate) fn run(rounds: usize, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for size in SIZES {
        let socket = folder.path().join(size.to_string());
        let socket = socket.to_str().context("a path in UTF-8")?;
        let _server = Server::on_socket(socket)?;
        let url = format!("unix://{socket}");
        let mut ways = runtime.block_on(way::all(&url, &text(size)))?;
        let mut times = vec![(Vec::new(), Vec::new(), Vec::new()); ways.len()];
        let reached =
            |ways: &[way::Named]| -> u64 { ways.iter().map(|way| way.reached.load(Relaxed)).sum() };
        let before = reached(&ways);
        for round in 0..rounds {
            for offset in 0..ways.len() {
                let index = (round + offset) % ways.len();
                let (latency, cpu, crowd) = &mut times[index];
                let way = &mut *ways[index].way;
                let (time, spent) = sequence(&runtime, way, size);
                latency.push(time);
                cpu.push(spent);
                crowd.push(together(&runtime, way, size));
            }
        }
        ensure!(reached(&ways) == before, "some requests were no hits");
        let medians: Vec<_> = times
            .into_iter()
            .map(|(latency, cpu, crowd)| [latency, cpu, crowd].map(timing::median))
            .collect();
        for (way, own) in ways.iter().zip(&medians) {
            let subject = format!("{} KiB, {}", size >> 10, way.name);
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
fn sequence(runtime: &Runtime, way: &mut dyn Way, size: usize) -> (f64, f64) {
    way.prepare(SEQUENCE);
    let (start, cpu) = (Instant::now(), timing::cpu_time());
    runtime.block_on(async {
        for _ in 0..SEQUENCE {
            assert_eq!(way.get().await, size);
        }
    });
    let count = SEQUENCE as f64;
    let spent = (timing::cpu_time() - cpu) / 1000.0;
    (start.elapsed().as_secs_f64() * 1e6 / count, spent / count)
}

/// Returns the microseconds per request of many tasks at once.
fn together(runtime: &Runtime, way: &dyn Way, size: usize) -> f64 {
    let mut ways: Vec<_> = (0..TASKS).map(|_| way.fork()).collect();
    ways.iter_mut().for_each(|way| way.prepare(REPEATED));
    let start = Instant::now();
    runtime.block_on(async {
        let tasks = ways.into_iter().map(|mut way| {
            tokio::spawn(async move {
                for _ in 0..REPEATED {
                    assert_eq!(way.get().await, size);
                }
            })
        });
        for task in join_all(tasks).await {
            task.expect("a request does not panic");
        }
    });
    start.elapsed().as_secs_f64() * 1e6 / (REPEATED * TASKS) as f64
}
