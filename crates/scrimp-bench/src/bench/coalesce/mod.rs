//! Cost of sharing calls, with and without calls to share.

pub(super) mod counted;
mod peers;
mod ways;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};

use crate::{alloc, poll, report::Report, timing};

use ways::{Call, HTTP, PLAIN, Upstream, Way};

const BENCH: &str = "coalesce";

/// Unique keys between two readings of the clock.
const BATCH: usize = 256;

/// Waiters of a crowd.
const CROWD: usize = 1_000;

/// Rounds of crowds: each waits for some milliseconds.
const CROWD_ROUNDS: usize = 31;

/// The crowd whose polls are counted.
const LARGE_CROWD: usize = 10_000;

/// Delay of the upstream of a crowd.
const DELAY: Duration = Duration::from_millis(10);

/// Delay in which ten thousand callers must arrive.
const LONG_DELAY: Duration = Duration::from_millis(500);

/// Bytes in the response of a crowd.
const LENGTH: usize = 16 << 10;

pub(crate) fn run(rounds: usize, report: &mut Report) {
    unique(rounds, report);
    for (threads, metric) in [(1, "crowd, 1 thread"), (2, "crowd, 2 threads")] {
        crowd(threads, metric, report);
    }
    for way in ways(Some(LONG_DELAY), LENGTH) {
        large_crowd(&way, report);
    }
}

/// Measures the nanoseconds that each way adds to calls with different keys.
fn unique(rounds: usize, report: &mut Report) {
    let runtime = poll::runtime();
    let _entered = runtime.enter();
    let ways = ways(None, crate::fixture::BODY);
    let mut samples = vec![Vec::with_capacity(rounds); ways.len()];
    let mut number = 0;
    for round in 0..rounds + 8 {
        for offset in 0..ways.len() {
            let index = (round + offset) % ways.len();
            let calls: Vec<Call> = (number..number + BATCH).map(&ways[index].call).collect();
            number += BATCH;
            let mut spent = 0.0;
            alloc::opt_out(|| {
                let start = timing::cpu_time();
                for call in calls {
                    std::hint::black_box(poll::now(call));
                }
                spent = timing::cpu_time() - start;
            });
            if round >= 8 {
                samples[index].push(spent / BATCH as f64);
            }
        }
    }
    let times: Vec<f64> = samples.into_iter().map(timing::median).collect();
    for (way, time) in ways.iter().zip(&times) {
        let added = time - floor(&ways, &times, way);
        report.add(BENCH, way.name, "unique key, added", added, "ns");
    }
    for way in &ways {
        if cfg!(feature = "count") {
            let count = alloc::measure(|| {
                std::hint::black_box(poll::now((way.call)(number)));
            });
            number += 1;
            let count = count.count_total as f64;
            report.add(BENCH, way.name, "allocations", count, "");
        }
    }
}

/// Makes all ways anew.
fn ways(delay: Option<Duration>, length: usize) -> Vec<Way> {
    peers::all()
        .map(|make| make(&Upstream::new(delay, length)))
        .collect()
}

fn floor(ways: &[Way], times: &[f64], way: &Way) -> f64 {
    let floor = ways.iter().position(|other| other.name == way.floor);
    floor.map_or(0.0, |index| times[index])
}

/// Measures the CPU time of a thousand callers of one key, as a ratio to a thousand calls.
fn crowd(threads: usize, metric: &'static str, report: &mut Report) {
    let runtime = threaded(threads);
    let mut spent: Vec<Vec<f64>> = Vec::new();
    let mut names = Vec::new();
    for round in 0..CROWD_ROUNDS {
        // New ones each time, as one of them keeps its results.
        for (index, way) in ways(Some(DELAY), LENGTH).into_iter().enumerate() {
            if round == 0 {
                spent.push(Vec::new());
                names.push((way.name, way.floor));
            }
            let calls: Vec<Call> = (0..CROWD).map(|_| (way.call)(1)).collect();
            alloc::opt_out(|| {
                let start = process_time();
                runtime.block_on(all(calls));
                spent[index].push((process_time() - start) / CROWD as f64);
            });
        }
    }
    let times: Vec<f64> = spent.into_iter().map(timing::median).collect();
    for ((name, floor), time) in names.iter().zip(&times) {
        let floor = names.iter().position(|(name, _)| name == floor);
        let ratio = floor.map_or(0.0, |index| time / times[index]);
        report.add(BENCH, *name, metric, ratio, "");
    }
    for (name, time) in [PLAIN, HTTP].iter().zip(&times) {
        report.add(BENCH, *name, "per caller", time / 1000.0, "µs");
    }
}

async fn all(calls: Vec<Call>) {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    for task in tasks {
        assert_eq!(task.await.expect("nothing panics here"), LENGTH);
    }
}

fn threaded(threads: usize) -> Runtime {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_time().build();
    runtime.expect("a runtime needs no more than memory and threads")
}

/// Returns the nanoseconds of CPU time of all threads.
fn process_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Counts the calls and polls of ten thousand callers of one key.
fn large_crowd(way: &Way, report: &mut Report) {
    let polls = Arc::new(AtomicUsize::new(0));
    let calls: Vec<Call> = (0..LARGE_CROWD)
        .map(|_| {
            let counted = Counted {
                call: (way.call)(1),
                polls: Arc::clone(&polls),
            };
            Box::pin(counted) as Call
        })
        .collect();
    threaded(1).block_on(all(calls));
    let made = way.upstream.calls.load(Relaxed);
    let each = polls.load(Relaxed) as f64 / LARGE_CROWD as f64;
    report.add(BENCH, way.name, "10,000: calls", made as f64, "");
    report.add(BENCH, way.name, "polls each", each, "");
}

/// A future that counts its polls.
struct Counted {
    call: Call,
    polls: Arc<AtomicUsize>,
}

impl Future for Counted {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.polls.fetch_add(1, Relaxed);
        self.call.as_mut().poll(cx)
    }
}
